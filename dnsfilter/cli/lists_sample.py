"""`dnsfilter lists sample`: the sample of resolved names that is kept, as a file for `lists diff --sample`."""

import sys
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option
from dnsfilter.cli.stores import reading
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.feeds.samples import write_names
from dnsfilter.store.sample import read_sample


@click.command()
@configuration_option
def sample(configuration_file: Path | None) -> None:
    """Print the names that were resolved lately with how often, as CSV: the file that `lists diff --sample` reads.

    Only names that many clients asked for are kept, without who asked, and only with `sample.enabled`. The first
    line counts all names together. Exit status 1 where nothing is kept.

    \b
    Examples:
      dnsfilter lists sample > sample.csv
      dnsfilter lists sample -c /etc/dnsfilter/dnsfilter.yaml | head
    """
    configuration = load_configuration(configuration_file)
    with reading(configuration) as connection:
        found = read_sample(connection) if connection else None
    if not found or not found.total:
        hint = "" if configuration.sample.enabled else "; sample.enabled is off"
        click.echo(f"no sample is kept{hint}", err=True)
        sys.exit(1)
    sys.stdout.writelines(write_names(found))
