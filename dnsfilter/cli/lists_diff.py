"""`dnsfilter lists diff`: what a new version of a list would block and free, and how much traffic that touches."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from dnsfilter.blocklist.difference import Change, find_changes
from dnsfilter.cli.list_files import format_option, read_file
from dnsfilter.cli.options import configuration_option, json_option
from dnsfilter.cli.progress import showing
from dnsfilter.cli.stores import reading
from dnsfilter.errors import StoreError
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.feeds.samples import read_names
from dnsfilter.model import ListFormat
from dnsfilter.process.radius import Touched, find_touched
from dnsfilter.sample import SampledNames
from dnsfilter.store.sample import read_sample

MAX_SHOWN = 10
"""Touched names that a person is shown of each kind."""


@click.command()
@click.argument("old")
@click.argument("new")
@format_option
@click.option(
    "--sample",
    "sample_file",
    type=click.Path(path_type=Path),
    help="CSV of name,count to hold the changes against; default what the store keeps (`sample.enabled`).",
)
@configuration_option
@json_option
def diff(
    old: str,
    new: str,
    syntax: str | None,
    sample_file: Path | None,
    configuration_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Say what would be newly blocked (+) and freed (-) with the list NEW in place of OLD, and whom that concerns.

    By what the lists cover, in whatever syntax: a name below one that is listed already is no change. Held against
    the names that were resolved lately, where a sample of them is kept or given: how much of the traffic is touched.
    Exit status 0 where the lists cover the same, 1 where not, 2 where a list cannot be used.

    \b
    Examples:
      dnsfilter lists diff /etc/dnsfilter/extra.txt extra.new.txt
      dnsfilter lists diff old.txt new.txt --sample names.csv
      dnsfilter lists diff old.yaml new.yaml --json | jq -r 'select(.change == "blocked") | .text'
    """
    given = ListFormat(syntax) if syntax else None
    sample = _read_file(sample_file) if sample_file else _read_store(configuration_file)
    with showing(f"reading {old}") as progress:
        before = read_file(old, given)
        progress.begin(f"reading {new}")
        after = read_file(new, given)
        progress.begin("comparing")
        changes = find_changes(before, after)
        touched = find_touched(before, after, changes, sample)
    lines = _to_json if as_json else _to_text
    sys.stdout.writelines(f"{line}\n" for line in lines(changes, touched, sample))
    sys.exit(1 if changes else 0)


def _read_file(path: Path) -> SampledNames:
    sample, problems = read_names(path)
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)
    return sample


def _read_store(configuration_file: Path | None) -> SampledNames:
    """Return the sample that the store keeps; one that cannot be read costs no more than the traffic's share."""
    configuration = load_configuration(configuration_file)
    try:
        with reading(configuration) as connection:
            return read_sample(connection) if connection else SampledNames(0, {})
    except StoreError as error:
        click.echo(f"warning: no sample of resolved names: {error}", err=True)
        return SampledNames(0, {})


def _to_text(changes: Sequence[Change], touched: Sequence[Touched], sample: SampledNames) -> Iterator[str]:
    blocked = sum(change.is_blocked for change in changes)
    yield f"{blocked} newly blocked, {len(changes) - blocked} freed"
    if sample.total and changes:
        days = f" on {sample.days} day{'s' * (sample.days != 1)}" if sample.days else ""
        known = _share(sum(sample.names.values()), sample.total)
        yield f"of {sample.total:,} sampled queries{days} ({known} of them for names in the sample):"
        yield from _sum_up([each for each in touched if each.is_blocked], "newly blocked", "+", sample.total)
        yield from _sum_up([each for each in touched if not each.is_blocked], "freed", "-", sample.total)
    yield from map(str, changes)


def _sum_up(touched: Sequence[Touched], verb: str, sign: str, total: int) -> Iterator[str]:
    queries = sum(each.queries for each in touched)
    yield f"  {verb} {_share(queries, total)} ({queries:,} queries, {len(touched):,} names)"
    for each in touched[:MAX_SHOWN]:
        yield f"    {sign} {_share(each.queries, total)} {each.name}"
    if len(touched) > MAX_SHOWN:
        yield f"    and {len(touched) - MAX_SHOWN:,} more names"


def _share(part: int, total: int) -> str:
    return f"{part / total:.2%}"


def _to_json(changes: Iterable[Change], touched: Sequence[Touched], sample: SampledNames) -> Iterator[str]:
    for change in changes:
        yield json.dumps({"change": _word(change.is_blocked), "covers": change.covers, "text": change.text})
    for each in touched:
        share = each.queries / sample.total
        yield json.dumps(
            {"touched": _word(each.is_blocked), "name": each.name, "queries": each.queries, "share": share}
        )
    if sample.total:
        sums = {
            _word(is_blocked): sum(each.queries for each in touched if each.is_blocked is is_blocked)
            for is_blocked in (True, False)
        }
        named = sum(sample.names.values())
        yield json.dumps({"sample": {"queries": sample.total, "named": named, "days": sample.days, **sums}})


def _word(is_blocked: bool) -> str:  # noqa: FBT001 - the one thing it is about
    return "blocked" if is_blocked else "freed"
