"""Which sampled names a change of a list touches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.difference import find_changes
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import ListFormat
from dnsfilter.policy.matcher import Matcher
from dnsfilter.process.radius import Touched, find_touched
from dnsfilter.sample import SampledNames
from dnsfilter.settings.order import Blocklist

SAMPLE = SampledNames(100, {"a.example": 5, "www.a.example": 9, "b.example": 3, "x1.b.example": 1, "other.example": 50})


def parse(text: str, syntax: ListFormat = ListFormat.ADBLOCK) -> ParsedList:
    """Parse a list."""
    return parse_list(text, "f", Blocklist(name="list", file="f", format=syntax))


def touch(old: ParsedList, new: ParsedList, sample: SampledNames = SAMPLE) -> list[Touched]:
    """Return what the second list in place of the first touches."""
    return find_touched(old, new, find_changes(old, new), sample)


@pytest.mark.parametrize(
    ("old", "new", "touched"),
    [
        ("||a.example^", "||a.example^\n||www.a.example^", []),
        ("", "||a.example^", [("www.a.example", True, 9), ("a.example", True, 5)]),
        ("", "|a.example|", [("a.example", True, 5)]),
        ("||a.example^", "||a.example^\n@@||www.a.example^", [("www.a.example", False, 9)]),
        (
            "||a.example^",
            "||b.example^\n||www.a.example^",
            [("a.example", False, 5), ("b.example", True, 3), ("x1.b.example", True, 1)],
        ),
    ],
)
def test_touched(old: str, new: str, touched: list[tuple[str, bool, int]]) -> None:
    """Names whose fate changes are told, those asked for most often first."""
    assert touch(parse(old), parse(new)) == [Touched(*each) for each in touched]


def test_rules_of_a_catalogue() -> None:
    """Patterns count, too."""
    catalogue = "app: x\nrole: web\ngrade: weak\nentries:\n  - {pattern: 'x*.b.example'}\n"
    empty = parse("||unrelated.example^")
    assert touch(empty, parse(catalogue, ListFormat.CATALOGUE)) == [Touched("x1.b.example", True, 1)]


NAMES = st.lists(st.sampled_from("abc"), min_size=2, max_size=4).map(".".join)
LINES = st.tuples(st.sampled_from(["||{}^", "|{}|", "@@||{}^"]), NAMES).map(lambda pair: pair[0].format(pair[1]))
LISTS = st.lists(LINES, max_size=6).map("\n".join)


@given(LISTS, LISTS, st.sets(NAMES, max_size=8))
def test_as_the_whole_lists_decide(old: str, new: str, names: set[str]) -> None:
    """Leaving out what covers no sampled name changes no verdict."""
    before, after = parse(old), parse(new)
    found = {each.name: each.is_blocked for each in touch(before, after, SampledNames(9, dict.fromkeys(names, 1)))}
    whole = [Matcher([compile_list(Blocklist(name="list", file="f"), parsed, 0.0)]) for parsed in (before, after)]
    for name in names:
        was, becomes = (bool(rules) and not rules[0].passthru for rules in (matcher.match(name) for matcher in whole))
        assert found.get(name) is (becomes if was != becomes else None)
