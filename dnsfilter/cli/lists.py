"""`dnsfilter lists`: tools for the people who keep lists."""

import gc

import click

from dnsfilter.cli.lists_diff import diff
from dnsfilter.cli.lists_export import export
from dnsfilter.cli.lists_lint import lint
from dnsfilter.cli.lists_update import update


@click.group()
def lists() -> None:
    """Check, compare, download and export blocklists."""
    gc.disable()  # lists are millions of values that live to the end: looking for cycles among them outlasts the work


for command in (lint, diff, update, export):
    lists.add_command(command)
