"""The survey of what policies make of names."""

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.export.coverage import FREE
from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.model import DnsAction, Match
from tests.fakes.coverage import cover, exact, rule, suffix

SINKHOLE = DnsAction.SINKHOLE


def test_nodes_are_parents_first_and_know_what_they_inherit():
    """Each name has its own verdict, that of what is below it, and the one it would have had."""
    coverage = cover(exact("b.a.example", None), suffix("a.example"), suffix("c.a.example"), exact("x.example"))
    assert [tuple(node)[:4] for node in coverage.nodes] == [
        ("a.example", SINKHOLE, SINKHOLE, FREE),
        ("b.a.example", FREE, SINKHOLE, SINKHOLE),
        ("c.a.example", SINKHOLE, SINKHOLE, SINKHOLE),
        ("x.example", SINKHOLE, FREE, FREE),
    ]
    assert [node.name for node in coverage.changes] == ["a.example", "b.a.example", "x.example"]


def test_patterns_count_where_nothing_else_says_the_same():
    """A pattern below a blocked suffix is covered; one that stands alone is left over."""
    coverage = cover(suffix("a.example"), rule(Match.PATTERN, "api*.a.example"), rule(Match.PATTERN, "api*.b.example"))
    assert coverage.patterns == ["api*.b.example"]


def test_names_of_big_lists_are_read_back():
    """What stands in an index rather than in rules is surveyed like the rest."""
    coverage = cover(parsed=ParsedList(suffixes=["a.example"], exacts=["b.example"], below=["c.example"]))
    assert [tuple(node)[:3] for node in coverage.nodes] == [
        ("a.example", SINKHOLE, SINKHOLE),
        ("b.example", SINKHOLE, FREE),
        ("c.example", FREE, SINKHOLE),
    ]


NETWORKS = st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32), st.booleans()), max_size=6)


@given(NETWORKS, st.integers(0, 255))
def test_the_smallest_network_decides(listed, last):
    """An address is in the export where the longest prefix that holds it blocks; of two equal ones the freeing one."""
    networks = [(ip_network((f"192.0.2.{host}", length), strict=False), freed) for host, length, freed in listed]
    coverage = cover(*(rule(Match.NETWORK, str(each), None if freed else SINKHOLE) for each, freed in networks))
    address = ip_network(f"192.0.2.{last}/32")
    holding = [(each.prefixlen, freed) for each, freed in networks if address.subnet_of(each)]
    blocked = bool(holding) and not max(holding)[1]
    assert any(address.subnet_of(each) for each in coverage.ipv4) == blocked
    assert coverage.ipv6 == []


def test_local_data_is_a_change():
    """A name with records of its own differs from one that gets the sinkhole's address, and so does one below it."""
    coverage = cover(
        suffix("a.example"), rule(Match.BELOW, "b.a.example", data=("5 A 192.0.2.1",)), suffix("c.b.a.example")
    )
    assert [(node.name, tuple(node.data)) for node in coverage.changes] == [
        ("a.example", ((), (), ())),
        ("b.a.example", ((), ("5 A 192.0.2.1",), ())),
        ("c.b.a.example", ((), (), ("5 A 192.0.2.1",))),
    ]
