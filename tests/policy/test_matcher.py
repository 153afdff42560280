"""Which rules cover a name or an address, against a matcher that simply tries every rule."""

import re
from ipaddress import ip_address, ip_network

import marisa_trie
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import CompiledList, Grade, Match, Role, Rule
from dnsfilter.policy.matcher import Matcher
from dnsfilter.settings.order import Blocklist
from dnsfilter.wire.name import to_text
from tests.fakes.messages import to_wire

LABELS = st.sampled_from(["a", "b", "aa", "ab", "api1", "api22"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.tuples(st.sampled_from(["a*", "*b", "api*", "a*2", "*"]), LABELS, LABELS).map(".".join)
NETWORKS = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 32)).map(
    lambda drawn: str(ip_network((drawn[0] << 16, drawn[1]), strict=False))
)
RULES = st.one_of(
    st.tuples(st.just(Match.EXACT), NAMES),
    st.tuples(st.sampled_from([Match.SUFFIX, Match.BELOW]), NAMES),
    st.tuples(st.just(Match.PATTERN), PATTERNS),
    st.tuples(st.just(Match.NETWORK), NETWORKS),
).flatmap(lambda drawn: st.builds(rule, st.just(drawn[0]), st.just(drawn[1]), st.booleans()))
ORDER = {Match.EXACT: 0, Match.PATTERN: 1, Match.SUFFIX: 2, Match.BELOW: 2, Match.NETWORK: 3}


def rule(match, text, passthru=False, blocklist="own"):  # noqa: FBT002 - a strategy draws it
    """Return a rule of one list."""
    return Rule(blocklist, "app", match, text, Role.WEB, Grade.WEAK, passthru=passthru)


def compiled(rules=(), **indexes):
    """Return a compiled list."""
    return CompiledList("own", "app", Role.WEB, Grade.WEAK, len(rules), tuple(rules), **indexes)


def covers(one, name):
    """Whether a rule covers a name, by its definition."""
    match one.match:
        case Match.EXACT:
            return name == one.text
        case Match.SUFFIX:
            return name == one.text or name.endswith("." + one.text)
        case Match.BELOW:
            return name.endswith("." + one.text)
        case Match.PATTERN:
            return re.fullmatch(re.escape(one.text).replace(r"\*", "[^.]*"), name) is not None
    return False


def specificity(one):
    """Rank by the contract: exact, pattern, longest suffix; of equals the one that frees."""
    return ORDER[one.match], -len(one.text), not one.passthru


@given(st.lists(RULES, max_size=12), NAMES)
def test_agrees_with_trying_every_rule(rules, name):
    """Just the rules that cover a name are found, most specific first."""
    matcher = Matcher([compiled(rules)])
    found = matcher.match(name)
    expected = [one for one in rules if covers(one, name)]
    assert matcher.match(name) == found
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert [specificity(one) for one in found] == sorted(map(specificity, expected))


@given(
    st.lists(RULES, max_size=6),
    st.lists(NAMES, max_size=6),
    st.lists(NAMES, max_size=6),
    st.lists(NAMES, max_size=3),
    NAMES,
)
def test_a_big_list_decides_like_rules(rules, suffixes, exacts, passed, name):
    """Names in an index are found like rules of the same text, in the same order."""
    parsed = ParsedList(suffixes=suffixes, exacts=exacts, passed_suffixes=passed)
    big = compile_list(Blocklist(name="big", file="big.txt", role=Role.WEB, grade=Grade.WEAK, app="app"), parsed, 0.0)
    as_rules = {rule(Match.SUFFIX, text, blocklist="big") for text in suffixes}
    as_rules |= {rule(Match.EXACT, text, blocklist="big") for text in exacts}
    as_rules |= {rule(Match.SUFFIX, text, passthru=True, blocklist="big") for text in passed}
    found = Matcher([compiled(rules), big]).match(name)
    expected = Matcher([compiled([*rules, *as_rules])]).match(name)
    assert [specificity(one) for one in found] == [specificity(one) for one in expected]
    assert set(found) == set(expected)


def test_below_only():
    """A name that covers only what is below it does not cover itself."""
    parsed = ParsedList(below=["a.example"])
    matcher = Matcher([compile_list(Blocklist(name="big", file="big.txt"), parsed, 0.0)])
    assert matcher.match("a.example") == []
    assert [one.text for one in matcher.match("b.a.example")] == ["a.example"]


@given(st.lists(RULES, max_size=8), st.integers(0, 0xFFFFFFFF))
def test_addresses(rules, value):
    """Just the networks that hold an address are found, longest first, and the first octets announce them."""
    matcher, address = Matcher([compiled(rules)]), ip_address(value)
    expected = [one for one in rules if one.match is Match.NETWORK and address in ip_network(one.text)]
    found = matcher.match_address(address.packed)
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    lengths = [ip_network(one.text).prefixlen for one in found]
    assert lengths == sorted(lengths, reverse=True)
    assert not expected or address.packed[:2] in matcher.listed_prefixes


@pytest.mark.parametrize(
    ("network", "address", "is_covered"),
    [
        ("71.18.0.0/21", "71.18.7.255", True),
        ("71.18.0.0/21", "71.18.8.0", False),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("::/0", "192.0.2.1", False),
        ("0.0.0.0/0", "::1", False),
        ("0.0.0.0/0", "192.0.2.1", True),
        ("192.0.2.1/32", "192.0.2.1", True),
    ],
)
def test_networks(network, address, is_covered):
    """A network holds the addresses of its own family up to its last."""
    matcher, packed = Matcher([compiled([rule(Match.NETWORK, network)])]), ip_address(address).packed
    assert bool(matcher.match_address(packed)) is is_covered
    assert not is_covered or packed[:2] in matcher.listed_prefixes


@pytest.mark.parametrize("labels", [(b"a.b",), (b"x", b"a.b"), (b"a", b"b\0"), (b"a", b"b.")])
def test_odd_labels_match_no_rule(labels):
    """A dot inside a label does not make the name `a.b`, nor does anything else."""
    rules = [rule(match, "a.b") for match in (Match.EXACT, Match.SUFFIX)]
    big = compiled(blocked=marisa_trie.Trie(["b.a.", "b.a.="]))
    assert Matcher([compiled(rules), big]).match(to_text(to_wire(labels))) == []


def test_pattern_stays_within_one_label():
    """`*` stands for characters of one label, for none as well."""
    matcher = Matcher([compiled([rule(Match.PATTERN, "api*.a.example")])])
    assert [
        bool(matcher.match(name)) for name in ("api.a.example", "api1.a.example", "api1.b.a.example", "xapi.a.example")
    ] == [
        True,
        True,
        False,
        False,
    ]


@given(st.text("ab*", max_size=8), st.text("ab*", max_size=6), st.text("ab.", max_size=16))
def test_pattern_agrees_with_trying_every_way(first, second, name):
    """Whatever the pattern, a name matches just when it does by the definition of `*`, which is tried in every way."""
    one = rule(Match.PATTERN, f"{first}*{second}.a.b")
    assert bool(Matcher([compiled([one])]).match(f"{name}.a.b")) == covers(one, f"{name}.a.b")


def test_root_matches_nothing():
    """The root is below nothing."""
    assert Matcher([compiled([rule(Match.SUFFIX, "a")])]).match(".") == []


def test_who_asks():
    """Rules about clients are found by address in text form, longest prefix first, and cover no name's address."""
    rules = [rule(Match.CLIENT, text) for text in ("192.0.2.0/24", "192.0.2.1/32", "::/0")]
    matcher = Matcher([compiled(rules)])
    assert [one.text for one in matcher.match_client("192.0.2.1")] == ["192.0.2.1/32", "192.0.2.0/24"]
    assert [one.text for one in matcher.match_client("2001:db8::1")] == ["::/0"]
    assert matcher.match_client("device:laptop") == Matcher([]).match_client("192.0.2.1") == []
    assert matcher.match_address(ip_address("192.0.2.1").packed) == []
    assert matcher.listed_prefixes == set()
