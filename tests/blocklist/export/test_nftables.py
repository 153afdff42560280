"""The nftables rules."""

from dnsfilter.blocklist.export.nftables import write_nftables
from dnsfilter.model import Match
from tests.fakes.coverage import SINKHOLE, cover, rule, suffix


def test_networks_are_sets_and_names_are_told():
    """Each version has its set, neighbours are joined, and names are left out."""
    networks = ("192.0.2.0/25", "192.0.2.128/25", "2001:db8::/32")
    coverage = cover(*(rule(Match.NETWORK, text) for text in networks), suffix("a.example"))
    lines, losses = write_nftables(coverage, SINKHOLE, 7)
    text = "\n".join(lines)
    assert "elements = {\n      192.0.2.0/24,\n    }" in text
    assert "elements = {\n      2001:db8::/32,\n    }" in text
    assert text.count("{") == text.count("}")
    assert losses == ["a name, left out: only networks are here: 1 (a.example)"]


def test_without_networks_the_sets_are_empty():
    """A set without elements is still one that the chain can ask."""
    assert "elements" not in "\n".join(write_nftables(cover(), SINKHOLE, 7).lines)
