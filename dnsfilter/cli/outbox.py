"""`dnsfilter outbox`: what is to go out and what went lately; lets all that waits be tried at once."""

from pathlib import Path
from typing import Any

import click
from sqlalchemy import inspect

from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.output import format_time, print_rows
from dnsfilter.cli.stores import changing, reading
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store import schema
from dnsfilter.store.outbox import AT_ONCE, Waiting, list_all, retry_all

_COLUMNS = ("time", "kind", "device", "app", "outlet", "state", "attempts")


@click.command()
@click.option("--pending", is_flag=True, help="Only what waits.")
@click.option("--retry", is_flag=True, help="Try everything that waits at once.")
@configuration_option
@json_option
def outbox(configuration_file: Path | None, *, pending: bool, retry: bool, as_json: bool) -> None:
    """Show what is to go out (mail, webhooks, events) and which mail went out lately. Names no person.

    \b
    Example:
      dnsfilter outbox --pending
    """
    configuration = load_configuration(configuration_file)
    if retry:
        with changing(configuration) as connection:
            number = retry_all(connection)
        click.echo(f"{number} messages are tried within seconds where dnsfilter runs, else when it starts")
        return
    with reading(configuration) as found:
        is_there = found is not None and inspect(found).has_table(schema.outbox.name)
        rows = list_all(found, only_waiting=pending) if found is not None and is_there else []
    print_rows(map(_to_fields, rows), _COLUMNS, as_json=as_json)


def _to_fields(row: Waiting) -> dict[str, Any]:
    return {
        **row._asdict(),
        "time": format_time(row.time),
        "due": None if row.sent or row.due == AT_ONCE else format_time(row.due),
        "sent": format_time(row.sent) if row.sent else None,
        "state": _describe(row),
    }


def _describe(row: Waiting) -> str:
    if row.sent:
        return f"sent {format_time(row.sent)}"
    return "waits" if row.due == AT_ONCE or not row.attempts else f"again {format_time(row.due)}"
