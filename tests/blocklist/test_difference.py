"""What replacing a list changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.difference import find_changes
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import ListFormat
from dnsfilter.policy.matcher import Matcher
from dnsfilter.settings.order import Blocklist


def parse(text: str, syntax: ListFormat = ListFormat.ADBLOCK) -> ParsedList:
    """Parse a list."""
    return parse_list(text, "f", Blocklist(name="list", file="f", format=syntax))


def changes(old: str, new: str, syntax: ListFormat = ListFormat.ADBLOCK) -> list[str]:
    """Return the changes as text."""
    return [str(change) for change in find_changes(parse(old, syntax), parse(new, syntax))]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("||a.example^", "||a.example^", []),
        ("||a.example^", "||a.example^\n||b.a.example^", []),
        ("||a.example^\n||b.a.example^", "||a.example^", []),
        ("||b.a.example^", "||a.example^", ["+ a.example"]),
        ("||a.example^", "||b.a.example^", ["- a.example"]),
        ("||a.example^", "|a.example|", ["- *.a.example"]),
        ("|a.example|", "||a.example^", ["+ *.a.example"]),
        ("", "|a.example|", ["+ a.example (only itself)"]),
        ("||a.example^", "||a.example^\n@@||b.a.example^", ["- b.a.example"]),
        ("||a.example^\n@@||b.a.example^", "||a.example^\n@@||b.a.example^\n||c.b.a.example^", ["+ c.b.a.example"]),
        ("||a.example^", "||b.example^", ["- a.example", "+ b.example"]),
        ("", "||x.a.example^\n||a.example^", ["+ a.example"]),
    ],
)
def test_changes_of_names(old, new, told):
    """Only what becomes blocked or free is told, once, at the topmost name."""
    assert changes(old, new) == told


HEAD = "app: x\nrole: web\ngrade: weak\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("entries: []", 'entries: [{pattern: "api*.a.example"}]', ["+ api*.a.example"]),
        ("entries: [{suffix: a.example}]", 'entries: [{suffix: a.example}, {pattern: "api*.a.example"}]', []),
        ("networks: [{cidr: 192.0.2.0/24}]", "networks: [{cidr: 192.0.2.0/25}, {cidr: 192.0.2.128/25}]", []),
        ("networks: [{cidr: 192.0.2.0/24}]", "networks: [{cidr: 192.0.2.0/25}]", ["- 192.0.2.0/24"]),
        ("networks: []", 'networks: [{cidr: "2001:db8::/32"}]', ["+ 2001:db8::/32"]),
    ],
)
def test_changes_of_patterns_and_networks(old, new, told):
    """A pattern below a listed suffix and a network in another one are no change."""
    assert changes(HEAD + old, HEAD + new, ListFormat.CATALOGUE) == told


NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))
RULES = st.tuples(st.sampled_from(["||{}^", "|{}|", "@@||{}^", "@@|{}|"]), NAMES).map(
    lambda each: each[0].format(each[1])
)
LISTS = st.lists(RULES, max_size=8).map("\n".join)


def verdict(text: str, name: str) -> bool:
    """Whether the policy's own matcher blocks a name by a list."""
    blocklist = Blocklist(name="list", file="f", format=ListFormat.ADBLOCK)
    rules = Matcher([compile_list(blocklist, parse(text), 0.0)]).match(name)
    return bool(rules) and not rules[0].passthru


@given(LISTS, LISTS, NAMES, st.booleans())
def test_agrees_with_the_matcher(old, new, name, is_below):
    """A name whose verdict changes is at or below a change that says so; with no change at all no verdict changes."""
    asked = f"zz.{name}" if is_below else name
    before, after = verdict(old, asked), verdict(new, asked)
    found = find_changes(parse(old), parse(new))
    covering = [
        change
        for change in found
        if change.is_blocked == after
        and (asked == change.text if change.covers == "exact" else f".{asked}".endswith(f".{change.text}"))
    ]
    assert before == after or covering


@given(LISTS, LISTS)
def test_every_change_is_one(old, new):
    """Each change told is a change of the matcher's verdict, at the name or below it as it says."""
    for change in find_changes(parse(old), parse(new)):
        asked = f"zz.{change.text}" if change.covers == "below" else change.text
        assert (verdict(old, asked), verdict(new, asked)) == (not change.is_blocked, change.is_blocked)


def test_triggers_of_a_zone():
    """Whoever asks is told apart from what is asked for, and local data below a name covers what is below it."""
    zone = Blocklist(name="zone", file="f", format=ListFormat.RPZ)
    old = parse_list("24.0.2.0.192.rpz-client-ip CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n", "f", zone)
    new = parse_list("32.1.2.0.192.rpz-client-ip CNAME .\n*.a.example A 192.0.2.1\n", "f", zone)
    assert [str(change) for change in find_changes(old, new)] == [
        "+ *.a.example",
        "- 192.0.2.0/24",
        "- 192.0.2.0/24 (whoever asks from there)",
    ]
    assert [str(change) for change in find_changes(new, old)][-1] == "+ 192.0.2.0/24 (whoever asks from there)"
