"""`dnsfilter convert`: another resolver's configuration as ours."""

import sys
from pathlib import Path

import click

from dnsfilter.config import parse_configuration
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds.sources import read_text
from dnsfilter.migration.formats import CONVERTERS
from dnsfilter.migration.formats import convert as convert_text

_NAMES_FILE = "converted-names.txt"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "program", type=click.Choice(sorted(CONVERTERS)), required=True, help="Whose configuration.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; default standard output.")
def convert(file: Path, program: str, output: Path | None) -> None:
    """Write the common parts of another resolver's configuration as ours, and name what has no counterpart.

    Upstreams, conditional forwarding, access lists, local data, blocklists. Single blocked names go into
    converted-names.txt beside the output. Exit status 1 where something could not be converted: one line each.

    \b
    Examples:
      dnsfilter convert /etc/unbound/unbound.conf --from unbound -o dnsfilter.yaml
      dnsfilter convert /etc/bind/named.conf.options --from bind
    """
    converted = convert_text(read_text(file)[0], str(file), program)
    text = converted.to_yaml(_NAMES_FILE)
    parse_configuration(text, str(output or "standard output"))
    _write(text, output)
    if converted.names:
        _write("".join(f"{name}\n" for name in converted.names), (output or Path("-")).parent / _NAMES_FILE)
    for loss in converted.losses:
        click.echo(str(loss), err=True)
    sys.exit(1 if converted.losses else 0)


def _write(text: str, path: Path | None) -> None:
    if path is None:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError([Problem(f"cannot be written: {error.strerror}", str(path))]) from None
