"""`dnsfilter devices`: what the store knows of devices, whether or not anything runs."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.errors import StoreError
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.model import Standing
from dnsfilter.store.database import open_for_reading, reason, shown
from dnsfilter.store.devices import DeviceSummary, EvidenceRow, find_device, list_devices, list_evidence

_TIMES = {"since", "first_seen", "last_seen"}
_COLUMNS = ("id", "group", "standing", "since", "last_seen", "sightings", "explanation")
_EVIDENCE_COLUMNS = ("rule", "role", "grade", "channel", "action", "first_seen", "last_seen", "sightings")

_Fields = dict[str, Any]


@click.group(invoke_without_command=True)
@click.option("--standing", type=click.Choice([standing.value for standing in Standing]), help="Only this standing.")
@configuration_option
@json_option
@click.pass_context
def devices(context: click.Context, standing: str | None, configuration_file: Path | None, *, as_json: bool) -> None:
    """List the devices that were seen reaching for listed names: one row each, under a pseudonym.

    \b
    Examples:
      dnsfilter devices --standing confirmed
      dnsfilter devices --json | jq -r .id
    """
    context.obj = configuration_file
    if context.invoked_subcommand:
        return

    def print_all(connection: Connection) -> None:
        chosen = list_devices(connection, Standing(standing) if standing else None)
        _print((_describe(device) for device in chosen), _COLUMNS, as_json=as_json)

    _read(configuration_file, print_all)


@devices.command()
@click.argument("device", metavar="ID")
@configuration_option
@json_option
@click.pass_context
def show(context: click.Context, device: str, configuration_file: Path | None, *, as_json: bool) -> None:
    """Show one device and what it did; exit status 1 when there is none of this ID."""

    def print_one(connection: Connection) -> DeviceSummary | None:
        found = find_device(connection, device)
        if found:
            _print_evidence(found, list_evidence(connection, device), as_json=as_json)
        return found

    if not _read(configuration_file or context.obj, print_one):
        click.echo(f"no device {device!r} is known", err=True)
        sys.exit(1)


def _read(configuration_file: Path | None, use: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - what `use` gives
    """Use the store, None where there is none yet."""
    url = load_configuration(configuration_file).store.url
    engine = open_for_reading(url)
    if engine is None:
        return None
    try:
        with engine.connect() as connection:
            return use(connection)
    except SQLAlchemyError as error:
        raise StoreError(f"{shown(url)}: {reason(error)}") from None


def _describe(row: DeviceSummary | EvidenceRow) -> _Fields:
    return {name: _time(value) if name in _TIMES else value for name, value in row._asdict().items()}


@lru_cache(maxsize=100_000)
def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _print_evidence(device: DeviceSummary, evidence: Sequence[EvidenceRow], *, as_json: bool) -> None:
    rows = [_describe(row) for row in evidence]
    if as_json:
        click.echo(json.dumps({**_describe(device), "evidence": rows}))
        return
    for name, value in _describe(device).items():
        click.echo(f"{name + ':':13}{_text(value)}")
    click.echo()
    _print(rows, _EVIDENCE_COLUMNS, as_json=False)


def _print(rows: Iterable[_Fields], columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.writelines(f"{json.dumps(row)}\n" for row in rows)
        return
    lines = [[_text(row[column]) for column in columns] for row in rows]
    if lines:
        table = [[column.upper().replace("_", " ") for column in columns], *lines]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        sys.stdout.writelines("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in table)


def _text(value: object) -> str:
    return ", ".join(f"{key} {number}" for key, number in value.items()) if isinstance(value, dict) else str(value)
