"""The response policy zone."""

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.export.coverage import Coverage
from dnsfilter.blocklist.export.rpz import MAX_TRIGGER, write_rpz
from dnsfilter.blocklist.rpz import parse_rpz
from dnsfilter.model import DnsAction
from dnsfilter.settings.order import Blocklist
from tests.fakes.coverage import SINKHOLE, cover, exact, suffix


def records(coverage: Coverage) -> list[str]:
    """Return the records behind the zone's own."""
    return write_rpz(coverage, SINKHOLE, 7).lines[3:]


def test_the_zone_has_a_head():
    """A zone begins with TTL, SOA of the given serial, and NS."""
    ttl, soa, ns = write_rpz(cover(), SINKHOLE, 7).lines
    assert ttl == "$TTL 10"
    assert soa.startswith("@ SOA localhost. root.localhost. 7 ")
    assert ns == "@ NS localhost."


def test_actions():
    """Every answer has its RPZ form; REFUSED has none and is told."""
    answers = [*(action for action in DnsAction if action.is_blocking)]
    document = write_rpz(cover(*(exact(f"{action}.example", action) for action in answers)), SINKHOLE, 7)
    assert document.lines[3:] == [
        "drop.example CNAME rpz-drop.",
        "nodata.example CNAME *.",
        "null.example A 0.0.0.0",
        "null.example AAAA ::",
        "nxdomain.example CNAME .",
        "refused.example CNAME .",
        "sinkhole.example A 192.0.2.66",
        "sinkhole.example AAAA 2001:db8::66",
    ]
    assert document.losses == ["NXDOMAIN instead of REFUSED: 1 (refused.example)"]


def test_names_between_get_their_own_wildcard():
    """Under a wildcard, the empty non-terminals above a freed name are written out, or they would be free too."""
    nxdomain = DnsAction.NXDOMAIN
    assert records(cover(suffix("a.example", nxdomain), exact("d.c.b.a.example", None))) == [
        *("a.example CNAME .", "*.a.example CNAME ."),
        *("b.a.example CNAME .", "*.b.a.example CNAME ."),
        *("c.b.a.example CNAME .", "*.c.b.a.example CNAME ."),
        *("d.c.b.a.example CNAME rpz-passthru.", "*.d.c.b.a.example CNAME ."),
    ]


def test_what_does_not_fit_is_told():
    """A name so long that the zone's own has no room behind it is left out, for it would refuse the whole zone."""
    name = ".".join(["a" * 60] * 4)
    document = write_rpz(cover(suffix(name)), SINKHOLE, 7)
    assert len(name) > MAX_TRIGGER
    assert len(document.lines) == 3
    assert document.losses[0].startswith(f"longer than {MAX_TRIGGER} characters")


NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))
RULES = st.tuples(st.sampled_from([suffix, exact]), NAMES, st.sampled_from([DnsAction.NXDOMAIN, None]))


def find_action(lines: list[str], name: str) -> str:
    """Look a name up as RFC 4592 says: itself, else the wildcard at the closest name that exists."""
    zone = {owner: target for owner, _, target in map(str.split, lines)}
    if name in zone:
        return zone[name]
    owners = {owner.removeprefix("*.") for owner in zone}
    if any(owner == name or owner.endswith(f".{name}") for owner in owners):
        return ""  # an empty non-terminal exists, so no wildcard stands for it
    while name:
        if any(owner == name or owner.endswith(f".{name}") for owner in owners):
            return zone.get(f"*.{name}", "")
        name = name.partition(".")[2]
    return ""


@given(st.lists(RULES, max_size=6), NAMES, st.booleans())
def test_a_lookup_in_the_zone_says_what_the_policy_says(given_rules, name, is_below):
    """Whatever the rules, DNS's own wildcard matching over the zone gives each name its verdict."""
    coverage = cover(*(make(text, answer) for make, text, answer in given_rules))
    asked = f"zz.yy.{name}" if is_below else name
    nodes = {node.name: node for node in coverage.nodes}
    nearest = next((part for part in _above(asked) if part in nodes), None)
    wanted = nearest and (nodes[nearest].own if nearest == asked else nodes[nearest].below)
    assert (find_action(records(coverage), asked) == ".") == (wanted is DnsAction.NXDOMAIN)


def _above(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[index:]) for index in range(len(labels))]


@given(st.lists(RULES, max_size=6))
def test_our_own_parser_reads_it(given_rules):
    """The zone is one that we accept as a list, without a complaint."""
    coverage = cover(*(make(text, answer) for make, text, answer in given_rules))
    document = write_rpz(coverage, SINKHOLE, 7)
    assert parse_rpz("\n".join(document.lines), "f", Blocklist(name="list", file="f")).problems == ()
