"""Writes to the audit what has come into force: which keys, lists and exceptions changed, and by whom.

What was in force before is what the audit says last, so that a change made while nothing ran is found, too. Values do
not go in, only their digests.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from dnsfilter.errors import StoreError
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.process.fingerprint import digest_exceptions, digest_keys, digest_lists, find_fingerprint
from dnsfilter.store.audit import HEADS_FILE, append, audited, find_last
from dnsfilter.store.database import open_store, reason

ACTION = "put-in-force"
SUBJECT = "configuration"
RELOAD = "reload"
"""The actor of a change that nobody commanded by name: a signal, or a file that was written."""

_log = logging.getLogger("dnsfilter.manager")


def note(snapshot: Snapshot, actor: str, files: Iterable[Path] = ()) -> bool:
    """Append what a snapshot changes, if anything; whether it did. Blocks; a store that fails costs a line."""
    engine = None
    try:
        engine = open_store(snapshot.configuration.store.url)
        with engine.connect() as connection:
            last = find_last(connection, ACTION)
        before = last.details["in_force"] if last else {}
        in_force = _describe(snapshot)
        if before == in_force:
            return False
        details = {
            "generation": snapshot.generation,
            "fingerprint": find_fingerprint(snapshot),
            "changed": _find_changes(before, in_force),
            "files": sorted(map(str, files)),
            "in_force": in_force,
        }
        with audited(engine, Path(snapshot.configuration.state) / HEADS_FILE) as connection:
            append(connection, time=time.time(), actor=actor, action=ACTION, subject=SUBJECT, details=details)
    except (SQLAlchemyError, StoreError) as error:
        _log.error("what came into force is not in the audit: %s", reason(error))
        return False
    finally:
        if engine:
            engine.dispose()
    return True


def _describe(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    return {
        "keys": digest_keys(snapshot.configuration, snapshot.local),
        "lists": digest_lists(snapshot.lists),
        "exceptions": digest_exceptions(snapshot.configuration),
    }


def _find_changes(before: Mapping[str, Any], after: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return for each kind what was added (+), removed (-) and changed (~)."""
    return {kind: list(_compare(before.get(kind, {}), now)) for kind, now in after.items() if before.get(kind) != now}


def _compare(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{'+' if name not in old else '-' if name not in new else '~'}{name}"
