"""The blast radius of a list: which of the names that were resolved lately it would newly block or free.

Lets the policy's own matcher decide, of the names at or below a change, over the entries that can cover one of them: of
a million there are few.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.difference import Change
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.names import is_within_any, pattern_parent
from dnsfilter.policy.matcher import Matcher
from dnsfilter.sample import SampledNames
from dnsfilter.settings.order import Blocklist

_ANY = Blocklist(name="list", file="list")


class Touched(NamedTuple):
    """A sampled name that becomes blocked or free, and how often it was asked for."""

    name: str
    is_blocked: bool
    queries: int


def find_touched(old: ParsedList, new: ParsedList, changes: Iterable[Change], sample: SampledNames) -> list[Touched]:
    """Return the sampled names that become blocked or free by the changes, those asked for most often first."""
    changed = {pattern_parent(change.text) if change.covers == "pattern" else change.text for change in changes}
    concerned = {name: queries for name, queries in sample.names.items() if is_within_any(name, changed)}
    covering = set(_list_covering(concerned))
    before, after = (_compile(parsed, covering) for parsed in (old, new))
    touched = [
        Touched(name, blocks, queries)
        for name, queries in concerned.items()
        if (blocks := _blocks(after, name)) is not _blocks(before, name)
    ]
    return sorted(touched, key=lambda each: (-each.queries, each.name))


def _list_covering(names: Iterable[str]) -> Iterator[str]:
    """Yield the names and all above them."""
    for name in names:
        rest = name
        while rest:
            yield rest
            rest = rest.partition(".")[2]


def _compile(parsed: ParsedList, covering: Collection[str]) -> Matcher:
    def keep(names: Iterable[str]) -> list[str]:
        return [name for name in names if name in covering]

    narrowed = replace(
        parsed,
        suffixes=keep(parsed.suffixes),
        exacts=keep(parsed.exacts),
        below=keep(parsed.below),
        passed_suffixes=keep(parsed.passed_suffixes),
        passed_exacts=keep(parsed.passed_exacts),
        passed_below=keep(parsed.passed_below),
    )
    return Matcher([compile_list(_ANY, narrowed, 0.0)])


def _blocks(matcher: Matcher, name: str) -> bool:
    found = matcher.match(name)
    return bool(found) and not found[0].passthru
