"""The lint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.lint import Severity, lint
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.blocklist.suffixes import PublicSuffixes, Sharing
from dnsfilter.blocklist.surroundings import Protected, Surroundings
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist

SURROUNDINGS = Surroundings(
    PublicSuffixes({"co.uk": Sharing.REGISTRY, "pages.example": Sharing.HOST}, {}, frozenset()),
    {
        each.name: each
        for each in (Protected("cdn.example", True, "shared"), Protected("only.cdn.example", False, "shared"))
    },
    {
        each.name: each
        for each in (Protected("corp.example", True, "our own"), Protected("dns.vendor.example", False, "our upstream"))
    },
)


def parse(text: str, syntax: ListFormat = ListFormat.DOMAINS) -> ParsedList:
    """Parse a list."""
    return parse_list(text, "f", Blocklist(name="list", file="f", format=syntax))


def find(text: str, syntax: ListFormat = ListFormat.DOMAINS) -> list[tuple[int, str, str, str]]:
    """Return line, severity, check and entry of every finding."""
    found = lint(parse(text, syntax), "f", SURROUNDINGS)
    return [(each.line, str(each.severity), each.check, each.entry) for each in found]


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        ("co.uk", "too-broad"),
        ("pages.example", "too-broad"),
        ("corp.example", "protected"),
        ("mail.corp.example", "protected"),
        ("vendor.example", "protected"),
        ("dns.vendor.example", "protected"),
        ("cdn.example", "never-block"),
        ("tikt\u043ek.example", "mixed-scripts"),
        ("bad_..example", "bad-line"),
        ("bbc.co.uk", ""),
        ("www.dns.vendor.example", ""),
        ("host.cdn.example", ""),
        ("only.cdn.example", ""),
    ],
)
def test_one_entry(entry, check):
    """Each kind of entry that hurts or misleads is found at its line; its harmless neighbour is not."""
    found = find(f"# comment\nharmless.example\n{entry}\n")
    assert [(line, name) for line, _, name, _ in found] == ([(3, check)] if check else [])


def test_an_exact_entry_is_held_against_exact_names():
    """A hosts file's name is freed by the same exact name, and covers neither a suffix nor what is below it."""
    text = "0.0.0.0 only.cdn.example\n0.0.0.0 cdn.example\n0.0.0.0 co.uk\n0.0.0.0 vendor.example\n"
    assert find(text, ListFormat.HOSTS) == [(1, "warning", "never-block", "only.cdn.example")]


def test_duplicates_and_what_is_covered():
    """The second of two equal entries and an entry below another are superfluous, with the line of the other."""
    findings = lint(parse("a.example\nb.example\nx.a.example\nb.example\n"), "f", SURROUNDINGS)
    assert [str(finding) for finding in findings] == [
        "f:3: note: x.a.example: is covered by a.example on line 1; delete it",
        "f:4: note: b.example: is listed already on line 2; delete one of the two",
    ]


def test_what_is_freed_in_between_is_not_covered():
    """An entry below one that the list itself frees is no superfluous one."""
    assert find("||a.example^\n@@||b.a.example^\n||c.b.a.example^\n", ListFormat.ADBLOCK) == []


def test_triggers_about_everybody():
    """A client-IP trigger that every address is in is told; one that frees, and a smaller one, are not."""
    zone = "0.0.0.0.0.rpz-client-ip CNAME .\n0.zz.rpz-client-ip CNAME rpz-passthru.\n8.0.0.0.10.rpz-client-ip CNAME .\n"
    assert find(zone, ListFormat.RPZ) == [(1, "error", "too-broad", "0.0.0.0/0")]


def test_local_data_counts_like_other_entries():
    """A name with records of its own is held against what must stay reachable, and below it where it is a wildcard."""
    found = find("*.co.uk A 192.0.2.1\na.example A 192.0.2.1\na.example CNAME rpz-passthru.\n", ListFormat.RPZ)
    assert [(line, check) for line, _, check, _ in found] == [(1, "too-broad")]


def test_a_catalogue():
    """An entry of another grade is not superfluous; a pattern in our own domain and a private network hurt."""
    text = """\
app: x
role: web
grade: weak
entries:
  - {suffix: a.example}
  - {suffix: b.a.example, grade: strong}
  - {exact: c.a.example}
  - {pattern: "api*.corp.example"}
  - {suffix: corp.example, passthru: true}
networks:
  - {cidr: 10.0.0.0/8}
  - {cidr: 8.8.8.0/24}
"""
    assert find(text, ListFormat.CATALOGUE) == [
        (7, "note", "shadowed", "c.a.example"),
        (8, "error", "protected", "api*.corp.example"),
        (11, "error", "too-broad", "10.0.0.0/8"),
    ]


LABELS = st.sampled_from(["a", "b", "corp", "cdn", "co", "uk", "example", "dns", "vendor", "xn--tiktk-yye"])
ENTRIES = st.lists(st.lists(LABELS, min_size=2, max_size=4).map(".".join), max_size=12)


@given(ENTRIES)
def test_findings_are_about_their_line(names):
    """Every finding names an entry that stands on its line, and no unique uncovered entry is called superfluous."""
    for finding in lint(parse("\n".join(names)), "f", SURROUNDINGS):
        assert names[finding.line - 1] == finding.entry
        if finding.check == "duplicate":
            assert names.index(finding.entry) < finding.line - 1
        if finding.check == "shadowed":
            assert any(finding.entry.endswith(f".{name}") for name in names)


@given(ENTRIES)
def test_without_what_is_superfluous_all_is_covered(names):
    """Deleting every superfluous entry leaves each name covered."""
    findings = lint(parse("\n".join(names)), "f", Surroundings())
    dropped = {finding.line - 1 for finding in findings if finding.severity is Severity.NOTE}
    kept = [name for index, name in enumerate(names) if index not in dropped]
    assert all(any(name == each or name.endswith(f".{each}") for each in kept) for name in names)
