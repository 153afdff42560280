"""Lists named on the command line: read and parsed as the configuration says, else as they look."""

from pathlib import Path

import click

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.guess import guess_format
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.config import Configuration
from dnsfilter.errors import InputError
from dnsfilter.feeds.sources import find_list, read_list
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist

format_option = click.option(
    "--format",
    "syntax",
    type=click.Choice([syntax.value for syntax in ListFormat]),
    help="Syntax of the lists; default: as configured, else what most lines look like.",
)


def read_file(
    file: str, syntax: ListFormat | None, configured: Configuration | None = None, beside: Path = Path()
) -> ParsedList:
    """Read a list; InputError says why it cannot be used. `beside` is the directory of the configuration."""
    given = Blocklist(name="list", file=str(find_list(file, Path()).absolute()), format=syntax)
    if configured and syntax is None:
        given = next((each for each in configured.blocklists if is_same_list(each, given, beside)), given)
    text, _, _ = read_list(given, beside)
    if given.format is None:
        given = given.model_copy(update={"format": guess_format(text, file)})
    return parse_list(text, file, given)


def is_same_list(blocklist: Blocklist, other: Blocklist, beside: Path) -> bool:
    """Whether two lists are read from the same file."""
    try:
        paths = [find_list(each.file or "", beside).resolve() for each in (blocklist, other)]
    except InputError:
        return False
    return paths[0] == paths[1]
