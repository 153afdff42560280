"""Compiled lists: what their indexes cover."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.compiler import compile_list, find_titles
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import Grade, Match, Role, Rule
from dnsfilter.settings.order import Blocklist

LIST = Blocklist(name="own", file="own.txt", role=Role.WEB, grade=Grade.WEAK)
NAMES = st.lists(st.sampled_from(["a.example", "b.a.example", "c.b.a.example", "aa.example"]), unique=True)


def covers(index, name):
    """Whether an index covers a name, by its documented keys."""
    if index is None:
        return False
    key = name[::-1] + "."
    return key + "=" in index or any(found != key or key + "*" not in index for found in index.prefixes(key))


@pytest.mark.parametrize(
    ("parsed", "itself", "below"),
    [
        (ParsedList(suffixes=["a.example"]), True, True),
        (ParsedList(exacts=["a.example"]), True, False),
        (ParsedList(below=["a.example"]), False, True),
        (ParsedList(below=["a.example"], exacts=["a.example"]), True, True),
        (ParsedList(below=["a.example"], suffixes=["a.example"]), True, True),
    ],
)
def test_what_a_name_covers(parsed, itself, below):
    """Suffix, exact and wildcard cover themselves, what is below, or both."""
    compiled = compile_list(LIST, parsed, 5.0)
    assert covers(compiled.blocked, "a.example") is itself
    assert covers(compiled.blocked, "b.a.example") is below
    assert not covers(compiled.blocked, "ba.example")
    assert not covers(compiled.blocked, "example")
    assert (compiled.entries, compiled.passed, compiled.changed) == (1, None, 5.0)


def test_freed_names_have_their_own_index():
    """What frees is kept apart from what lists."""
    parsed = ParsedList(suffixes=["a.example"], passed_suffixes=["b.a.example"], passed_exacts=["c.a.example"])
    compiled = compile_list(LIST, parsed, 0.0)
    assert covers(compiled.passed, "x.b.a.example")
    assert not covers(compiled.passed, "x.c.a.example")
    assert compiled.entries == 3


def test_properties_of_the_list():
    """App, role and grade come from the catalogue, else the configuration, else the list's name."""
    rule = Rule("own", "video", Match.EXACT, "a.example", Role.ADS, Grade.NONE)
    catalogue = compile_list(LIST, ParsedList(app="video", rules=(rule,)), 0.0)
    assert (catalogue.app, catalogue.rules, catalogue.blocked, catalogue.entries) == ("video", (rule,), None, 1)
    plain = compile_list(LIST, ParsedList(), 0.0)
    assert (plain.name, plain.app, plain.role, plain.grade) == ("own", "own", Role.WEB, Grade.WEAK)
    assert compile_list(LIST.model_copy(update={"app": "video"}), ParsedList(), 0.0).app == "video"


def test_titles():
    """What people call an app is what a list about it says, and nothing where none does."""
    titled = compile_list(LIST, ParsedList(app="video", title="The Video"), 0.0)
    assert find_titles([titled, compile_list(LIST, ParsedList(), 0.0)]) == {"video": "The Video"}


@given(NAMES, NAMES, NAMES)
def test_indexes_cover_what_the_list_says(suffixes, exacts, below):
    """For every mixture of kinds the index covers just what the kinds say, and counts each name once."""
    compiled = compile_list(LIST, ParsedList(suffixes=suffixes, exacts=exacts, below=below), 0.0)
    for name in ("a.example", "b.a.example", "c.b.a.example", "x.a.example", "aa.example", "x.aa.example", "example"):
        expected = (
            name in exacts
            or any(name == suffix or name.endswith("." + suffix) for suffix in suffixes)
            or any(name.endswith("." + parent) for parent in below)
        )
        assert covers(compiled.blocked, name) is expected
    assert compiled.entries >= len({*suffixes, *exacts, *below})
