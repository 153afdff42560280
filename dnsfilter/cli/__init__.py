"""The command `dnsfilter`: one module per group of subcommands."""

import os
import sys

import click

from dnsfilter import __version__, is_compiled
from dnsfilter.cli.groups import LazyGroup
from dnsfilter.errors import DnsfilterError

DEBUG = "DNSFILTER_DEBUG"

_COMMANDS = {
    "audit": "dnsfilter.cli.audit",
    "check": "dnsfilter.cli.check",
    "completion": "dnsfilter.cli.completion",
    "convert": "dnsfilter.cli.convert",
    "devices": "dnsfilter.cli.devices",
    "explain": "dnsfilter.cli.explain",
    "outbox": "dnsfilter.cli.outbox",
    "replay": "dnsfilter.cli.replay",
    "report": "dnsfilter.cli.report",
    "lists": "dnsfilter.cli.lists",
    "privacy": "dnsfilter.cli.privacy",
    "reveal": "dnsfilter.cli.reveal",
    "serve": "dnsfilter.cli.serve",
    "simulate": "dnsfilter.cli.simulate",
}
"""The module that defines each subcommand."""


@click.group(cls=LazyGroup, modules=_COMMANDS)
@click.version_option(f"{__version__} ({'compiled' if is_compiled() else 'interpreted'})", prog_name="dnsfilter")
def cli() -> None:
    """Enforce an app ban on a network: a sinkholing resolver, a proxy addon, metrics and evidence per device."""


def main() -> None:
    """Run the command line; exit status 0 done, 1 the answer is no, 2 the input was wrong."""
    try:
        cli()
    except DnsfilterError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if DEBUG in os.environ:
            raise
        click.echo(f"dnsfilter: a defect, please report it: {error!r} ({DEBUG}=1 shows where)", err=True)
        sys.exit(2)
