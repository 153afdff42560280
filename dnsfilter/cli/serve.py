"""`dnsfilter serve`."""

import logging
import sys
from pathlib import Path

import click

from dnsfilter.cli.options import configuration_option


@click.command()
@configuration_option
def serve(configuration_file: Path | None) -> None:
    """Run everything the configuration asks for, until SIGTERM; SIGHUP reloads.

    \b
    Examples:
      dnsfilter serve
      dnsfilter serve -c /etc/dnsfilter/dnsfilter.yaml
    """
    from dnsfilter.process.serve import serve as run  # noqa: PLC0415 - other commands start without it

    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    sys.exit(run(configuration_file))
