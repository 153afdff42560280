"""`dnsfilter lists`: tools for the people who keep lists."""

import gc

import click

from dnsfilter.cli.groups import LazyGroup

_COMMANDS = {name: f"dnsfilter.cli.lists_{name}" for name in ("diff", "export", "lint", "sample", "update")}


@click.group(cls=LazyGroup, modules=_COMMANDS)
def lists() -> None:
    """Check, compare, download and export blocklists."""
    gc.disable()  # lists are millions of values that live to the end: looking for cycles among them outlasts the work
