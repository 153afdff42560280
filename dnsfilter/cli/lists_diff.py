"""`dnsfilter lists diff`: what a new version of a list would block and free."""

import json
import sys

import click

from dnsfilter.blocklist.difference import find_changes
from dnsfilter.cli.list_files import format_option, read_file
from dnsfilter.cli.options import json_option
from dnsfilter.model import ListFormat


@click.command()
@click.argument("old")
@click.argument("new")
@format_option
@json_option
def diff(old: str, new: str, syntax: str | None, *, as_json: bool) -> None:
    """Say what would be newly blocked (+) and freed (-) with the list NEW in place of OLD.

    By what the lists cover, in whatever syntax: a name below one that is listed already is no change. Exit status 0
    where they cover the same, 1 where not, 2 where a list cannot be used.

    \b
    Examples:
      dnsfilter lists diff /etc/dnsfilter/extra.txt extra.new.txt
      dnsfilter lists diff old.yaml new.yaml --json | jq -r 'select(.change == "blocked") | .text'
    """
    given = ListFormat(syntax) if syntax else None
    changes = find_changes(read_file(old, given), read_file(new, given))
    if as_json:
        sys.stdout.writelines(
            json.dumps({"change": _word(change.is_blocked), "covers": change.covers, "text": change.text}) + "\n"
            for change in changes
        )
    else:
        blocked = sum(change.is_blocked for change in changes)
        click.echo(f"{blocked} newly blocked, {len(changes) - blocked} freed")
        sys.stdout.writelines(f"{change}\n" for change in changes)
    sys.exit(1 if changes else 0)


def _word(is_blocked: bool) -> str:  # noqa: FBT001 - the one thing it is about
    return "blocked" if is_blocked else "freed"
