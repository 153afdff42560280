"""`dnsfilter devices forget`: erases what is kept of one device."""

import sys
import time
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option, reason_option
from dnsfilter.cli.stores import changing, scrub
from dnsfilter.config import Configuration
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.audit import append, current_actor
from dnsfilter.store.erasure import erase_device


@click.command()
@click.argument("device", metavar="ID")
@reason_option
@configuration_option
@click.pass_context
def forget(context: click.Context, device: str, reason: str, configuration_file: Path | None) -> None:
    """Erase everything that is kept of one device; exit status 1 when there is none of this ID. Always audited.

    \b
    Example:
      dnsfilter devices forget d-6qiqvwvnzh6g7xl7 --reason "request of the owner, ticket T-43"
    """
    configuration = load_configuration(configuration_file or context.obj)
    erased = _erase(configuration, device, reason)
    scrub(configuration)
    if not sum(erased.values()):
        click.echo(f"no device {device!r} is known", err=True)
        sys.exit(1)
    click.echo(f"erased rows: {', '.join(f'{number} of {table}' for table, number in erased.items() if number)}")


def _erase(configuration: Configuration, device: str, reason: str) -> dict[str, int]:
    with changing(configuration) as connection:
        erased = erase_device(connection, device)
        if sum(erased.values()):
            append(
                connection,
                time=time.time(),
                actor=current_actor(),
                action="forget",
                subject=device,
                details={"reason": reason, **erased},
            )
    return erased
