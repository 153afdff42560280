"""`dnsfilter privacy`: what a data-protection officer asks for."""

from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.store.processing import describe_processing


@click.group()
def privacy() -> None:
    """Answer a data-protection officer."""


@privacy.command()
@configuration_option
def record(configuration_file: Path | None) -> None:
    """Print the record of processing under a configuration, in Markdown: what, why, where, how long, who.

    \b
    Example:
      dnsfilter privacy record -c dnsfilter.yaml
    """
    click.echo(describe_processing(load_configuration(configuration_file)))
