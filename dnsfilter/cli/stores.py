"""The store as commands use it: opened by the configuration, closed in the end, its failures told in one line."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dnsfilter.config import Configuration
from dnsfilter.errors import StoreError
from dnsfilter.store import erasure
from dnsfilter.store.audit import HEADS_FILE, append, audited, current_actor
from dnsfilter.store.database import open_for_reading, open_store, reason, shown


@contextmanager
def reading(configuration: Configuration) -> Iterator[Connection | None]:
    """Read the store; None where there is none yet."""
    with _failing_in_one_line(configuration):
        engine = open_for_reading(configuration.store.url)
        if engine is None:
            yield None
            return
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


@contextmanager
def changing(configuration: Configuration) -> Iterator[Connection]:
    """Change the store, and append to the audit, in one transaction that has been anchored when this ends."""
    with _failing_in_one_line(configuration):
        engine = open_store(configuration.store.url)
        try:
            with audited(engine, heads_file(configuration)) as connection:
                yield connection
        finally:
            engine.dispose()


def note_action(configuration: Configuration, action: str, subject: str, details: Mapping[str, Any]) -> None:
    """Append to the audit what the user of this command does."""
    with changing(configuration) as connection:
        append(connection, time=time.time(), actor=current_actor(), action=action, subject=subject, details=details)


def scrub(configuration: Configuration) -> None:
    """Rewrite the store without what deleted rows have left behind."""
    with _failing_in_one_line(configuration):
        engine = open_store(configuration.store.url)
        try:
            erasure.scrub(engine)
        finally:
            engine.dispose()


def heads_file(configuration: Configuration) -> Path:
    """Return where the ends of the audit's chain are kept."""
    return Path(configuration.state) / HEADS_FILE


@contextmanager
def _failing_in_one_line(configuration: Configuration) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"{shown(configuration.store.url)}: {reason(error)}") from None
