"""`dnsfilter devices exempt` and `dnsfilter devices clear`: what a person decides about one device.

Both only write what was decided; the manager obeys within seconds, or when it runs again.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from dnsfilter.cli.moments import read_moment
from dnsfilter.cli.options import configuration_option, reason_option
from dnsfilter.cli.output import format_time
from dnsfilter.cli.stores import changing
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store import decisions
from dnsfilter.store.audit import append, current_actor
from dnsfilter.store.devices import find_device

_WHEN = "in force within seconds where dnsfilter runs, else when it starts"


def _check_ticket(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse a ticket that says nothing."""
    if not value.strip():
        raise InputError([Problem(f"{value!r} is no ticket", key="--ticket")])
    return value.strip()


@click.command()
@click.argument("device", metavar="ID")
@click.option("--until", required=True, help="Date or RFC 3339 time at which the exemption ends.")
@reason_option
@click.option("--ticket", required=True, callback=_check_ticket, help="Ticket of the decision.")
@configuration_option
@click.pass_context
def exempt(
    context: click.Context, device: str, until: str, reason: str, ticket: str, configuration_file: Path | None
) -> None:
    """Exempt one device from all consequences until a time; exit status 1 when there is none of this ID. Audited.

    Approved by whoever gives the command. A second exemption replaces the first.

    \b
    Example:
      dnsfilter devices exempt d-6qiqvwvnzh6g7xl7 --until 2030-01-01 --reason "press office" --ticket T-44
    """
    configuration = load_configuration(configuration_file or context.obj)
    now, end = time.time(), read_moment(until, configuration, "--until")
    if end <= now:
        raise InputError([Problem(f"{until!r} is in the past", key="--until")])
    exempted = decisions.Exempted(device, end, reason, ticket, current_actor(), now)
    details = {"reason": reason, "ticket": ticket, "until": format_time(end)}
    _decide(configuration, "exempt", device, details, lambda connection: decisions.exempt(connection, exempted))
    click.echo(f"{device} is exempt until {format_time(end)}, {_WHEN}")


@click.command()
@click.argument("device", metavar="ID")
@reason_option
@configuration_option
@click.pass_context
def clear(context: click.Context, device: str, reason: str, configuration_file: Path | None) -> None:
    """Clear one device of all evidence so far; exit status 1 when there is none of this ID. Audited.

    A device on which the app is still installed will show again.

    \b
    Example:
      dnsfilter devices clear d-6qiqvwvnzh6g7xl7 --reason "app removed, seen by the help desk, ticket T-45"
    """
    configuration = load_configuration(configuration_file or context.obj)
    now = time.time()
    _decide(
        configuration, "clear", device, {"reason": reason}, lambda connection: decisions.clear(connection, device, now)
    )
    click.echo(f"{device} is cleared, {_WHEN}")


def _decide(
    configuration: Configuration,
    action: str,
    device: str,
    details: dict[str, Any],
    write: Callable[[Connection], None],
) -> None:
    """Write a decision and its entry of the audit together; end with status 1 where there is no such device."""
    with changing(configuration) as connection:
        found = find_device(connection, device)
        if found:
            write(connection)
            append(
                connection,
                time=time.time(),
                actor=current_actor(),
                action=action,
                subject=device,
                details={**details, "standing": found.standing.value},
            )
    if not found:
        click.echo(f"no device {device!r} is known", err=True)
        sys.exit(1)
