"""`dnsfilter audit`: what people did to devices or learned about them, and whether anybody tampered with that."""

import sys
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.output import Fields, format_time, print_rows
from dnsfilter.cli.stores import heads_file, reading
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.audit import Entry, Finding, list_entries
from dnsfilter.store.audit import verify as find_tampering

_COLUMNS = ("number", "time", "actor", "action", "subject", "details")


@click.group()
def audit() -> None:
    """Show or verify the audit of everything people did to devices or learned about them."""


@audit.command()
@configuration_option
@json_option
def verify(configuration_file: Path | None, *, as_json: bool) -> None:
    """Verify that no entry was changed, removed or moved; exit status 1 when one was.

    \b
    Example:
      dnsfilter audit verify
    """
    configuration = load_configuration(configuration_file)
    with reading(configuration) as connection:
        findings = find_tampering(connection, heads_file(configuration))
        entries = sum(1 for _ in list_entries(connection)) if connection else 0
    _print_findings(findings, entries, as_json=as_json)
    sys.exit(1 if findings else 0)


@audit.command("list")
@configuration_option
@json_option
def list_(configuration_file: Path | None, *, as_json: bool) -> None:
    """List the entries, the oldest first.

    \b
    Example:
      dnsfilter audit list --json
    """
    with reading(load_configuration(configuration_file)) as connection:
        if connection:
            print_rows(map(_describe, list_entries(connection)), _COLUMNS, as_json=as_json)


def _print_findings(findings: list[Finding], entries: int, *, as_json: bool) -> None:
    if as_json:
        print_rows((finding._asdict() for finding in findings), (), as_json=True)
    elif findings:
        click.echo("\n".join(finding.message for finding in findings))
    else:
        click.echo(f"{entries} entries, intact")


def _describe(entry: Entry) -> Fields:
    return {**entry._asdict(), "time": format_time(entry.time)}
