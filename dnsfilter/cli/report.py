"""`dnsfilter report`: what the store says of some days, for people who decide, and what it cannot say."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click

from dnsfilter.cli.options import configuration_option
from dnsfilter.cli.output import to_text
from dnsfilter.cli.progress import showing
from dnsfilter.cli.stores import reading
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.clients import read_client_sources
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.process.report import Period, Row, build_report
from dnsfilter.store.pseudonyms import Pseudonyms, read_key

_Tables = Mapping[str, list[Row]]

_TEXTS = {
    "devices": ("Devices by standing", "Devices that were seen in this period, by what they stand for now."),
    "sightings": ("Sightings by day", "How often they tried to reach listed names."),
    "phases": ("Phases in force", "From when until when each policy was in which phase."),
    "inventory": (
        "Coverage: the inventory",
        "A device never seen reached for no listed name, or got around resolver and proxy: from here both look alike.",
    ),
    "unattributable": (
        "Coverage: clients that are no device",
        "Addresses that the inventory does not know, that several devices share, or whose group is never flagged.",
    ),
    "bypass": (
        "Coverage: other resolvers",
        "Attempts to reach listed resolvers for encrypted DNS, which see names instead.",
    ),
    "days_without_data": (
        "Coverage: days without data",
        "Days on which nothing at all was seen: nobody was there, nothing ran, or the retention is over.",
    ),
}
"""Heading and meaning of each table."""


def _parse_day(_context: click.Context, parameter: click.Parameter, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError([Problem(f"{value!r} is not a date such as 2023-03-15", key=parameter.opts[0])]) from None


@click.command()
@click.option("--from", "first", required=True, callback=_parse_day, help="First day, in the timezone configured.")
@click.option("--to", "last", required=True, callback=_parse_day, help="Last day; it is included.")
@click.option("--format", "format_", type=click.Choice(["md", "json", "csv"]), default="md", show_default=True)
@configuration_option
def report(first: date, last: date, format_: str, configuration_file: Path | None) -> None:
    """Report on some days: devices by standing, sightings, phases, and what could not be seen.

    Segments with fewer devices than privacy.minimum_segment count as "other".

    \b
    Examples:
      dnsfilter report --from 2023-03-01 --to 2023-03-31
      dnsfilter report --from 2023-03-01 --to 2023-03-31 --format json
    """
    if last < first:
        raise InputError([Problem(f"{last} is before --from {first}", key="--to")])
    configuration = load_configuration(configuration_file)
    period = Period(first, last, configuration.timezone)
    with showing("counting"), reading(configuration) as connection:
        inventory = read_client_sources(configuration).devices
        key = read_key(Path(configuration.privacy.pseudonym_key)) if connection and inventory else b""
        tables = build_report(connection, configuration, period, inventory, Pseudonyms(key).of_device, time.time())
    _FORMATS[format_](period, configuration.privacy.minimum_segment, tables)


def _print_json(period: Period, minimum: int, tables: _Tables) -> None:
    head = {"from": period.first.isoformat(), "to": period.last.isoformat(), "timezone": period.timezone}
    click.echo(json.dumps({**head, "minimum_segment": minimum, **tables}, indent=2))


def _print_csv(_period: Period, _minimum: int, tables: _Tables) -> None:
    names = dict.fromkeys(name for rows in tables.values() for row in rows for name in row)
    writer = csv.DictWriter(sys.stdout, ["table", *names], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({"table": table, **row} for table, rows in tables.items() for row in rows)


def _print_markdown(period: Period, minimum: int, tables: _Tables) -> None:
    click.echo(f"# dnsfilter, {period.first} to {period.last} ({period.timezone})\n")
    click.echo(f"Groups with fewer than {minimum} devices count as other.")
    for name, rows in tables.items():
        heading, meaning = _TEXTS[name]
        click.echo(f"\n## {heading}\n\n{meaning}\n")
        click.echo("\n".join(_table(rows)) if rows else "None.")


def _table(rows: list[Row]) -> Iterator[str]:
    yield f"| {' | '.join(name.replace('_', ' ') for name in rows[0])} |"
    yield "|" + "---|" * len(rows[0])
    for row in rows:
        yield f"| {' | '.join(map(to_text, row.values()))} |"


_FORMATS: dict[str, Callable[[Period, int, _Tables], Any]] = {
    "md": _print_markdown,
    "json": _print_json,
    "csv": _print_csv,
}
