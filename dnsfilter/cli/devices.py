"""`dnsfilter devices`: what the store knows of devices, whether or not anything runs."""

import gc
import json
import sys
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii as _quoted
from pathlib import Path

import click

from dnsfilter.cli.decisions import clear, exempt
from dnsfilter.cli.forget import forget
from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.output import Fields, format_time, print_rows, print_table, to_text
from dnsfilter.cli.stores import reading
from dnsfilter.evidence.bypass import find_kind
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.model import Standing
from dnsfilter.store.devices import DeviceSummary, EvidenceRow, find_device, list_devices, list_evidence

_TIMES = ("since", "first_seen", "last_seen")
_COLUMNS = ("id", "group", "standing", "since", "last_seen", "sightings", "explanation")
_EVIDENCE_COLUMNS = ("rule", "role", "grade", "channel", "action", "bypass", "first_seen", "last_seen", "sightings")


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

    gc.disable()  # whatever is read is printed, and then this ends
    with reading(load_configuration(configuration_file)) as connection:
        if connection:
            chosen = list_devices(connection, Standing(standing) if standing else None)
            if as_json:
                sys.stdout.writelines(map(to_json_line, chosen))
            else:
                print_table(map(_to_cells, chosen), _COLUMNS)


@devices.command()
@click.argument("device", metavar="ID")
@configuration_option
@json_option
@click.pass_context
def show(context: click.Context, device: str, configuration_file: Path | None, *, as_json: bool) -> None:
    """Show one device and what it did; exit status 1 when there is none of this ID."""
    with reading(load_configuration(configuration_file or context.obj)) as connection:
        found = find_device(connection, device) if connection else None
        if connection and found:
            _print_evidence(found, list_evidence(connection, device), as_json=as_json)
            return
    click.echo(f"no device {device!r} is known", err=True)
    sys.exit(1)


for _command in (exempt, clear, forget):
    devices.add_command(_command)


def _to_cells(device: DeviceSummary) -> tuple[object, ...]:
    """Return what `_COLUMNS` names."""
    identifier, group, standing, since, _, last_seen, sightings, _, explanation = device
    return identifier, group, standing, format_time(since), format_time(last_seen), sightings, explanation


def to_json_line(device: DeviceSummary) -> str:
    """Return what `json.dumps` makes of a device; put together here, which takes a quarter of the time."""
    identifier, group, standing, since, first_seen, last_seen, sightings, grades, explanation = device
    numbers = ", ".join([f'"{grade}": {number}' for grade, number in grades.items()])
    return (
        f'{{"id": {_quoted(identifier)}, "group": {_quoted(group)}, "standing": "{standing}", '
        f'"since": "{format_time(since)}", "first_seen": "{format_time(first_seen)}", '
        f'"last_seen": "{format_time(last_seen)}", "sightings": {sightings}, "grades": {{{numbers}}}, '
        f'"explanation": {_quoted(explanation)}}}\n'
    )


def _describe(row: DeviceSummary | EvidenceRow) -> Fields:
    fields = row._asdict()
    for name in _TIMES:
        if name in fields:
            fields[name] = format_time(fields[name])
    return fields


def _print_evidence(device: DeviceSummary, evidence: Sequence[EvidenceRow], *, as_json: bool) -> None:
    rows = [{**_describe(row), "bypass": find_kind(row.rule, row.role, row.channel)} for row in evidence]
    if as_json:
        click.echo(json.dumps({**_describe(device), "evidence": rows}))
        return
    for name, value in _describe(device).items():
        click.echo(f"{name + ':':13}{to_text(value)}")
    click.echo()
    print_rows(rows, _EVIDENCE_COLUMNS, as_json=False)
