"""`dnsfilter check`."""

from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option
from dnsfilter.errors import InputError
from dnsfilter.feeds.clients import read_client_sources
from dnsfilter.process.publisher import compile_all


@click.command()
@configuration_option
def check(configuration_file: Path | None) -> None:
    r"""Check configuration, inventory and lists: every error with file, line and key; exit status 0 or 2.

    \b
    Example:
      dnsfilter check -c dnsfilter.yaml
    """
    configuration, lists, problems = compile_all(configuration_file)
    if problems := [*problems, *read_client_sources(configuration).problems]:
        raise InputError(problems)
    entries = sum(compiled.entries for compiled in lists)
    click.echo(f"{len(configuration.policies)} policies, {len(lists)} lists, {entries} entries")
