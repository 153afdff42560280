"""Nftables: sets of the listed networks, and a chain that refuses what is forwarded to them."""

from collections.abc import Iterable, Iterator, Sequence

from dnsfilter.blocklist.export.coverage import Coverage, Network
from dnsfilter.blocklist.export.document import Document, tell_loss
from dnsfilter.settings.resolver import Sinkhole

_CHAIN = """\
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip daddr @listed_ipv4 counter reject with icmpx admin-prohibited
    ip6 daddr @listed_ipv6 counter reject with icmpx admin-prohibited
  }"""


def write_nftables(coverage: Coverage, _sinkhole: Sinkhole, _serial: int) -> Document:
    """Write a file for `nft -f` that replaces what the last one made, at once."""
    sets = (
        *write_set("listed_ipv4", "ipv4_addr", coverage.ipv4),
        *write_set("listed_ipv6", "ipv6_addr", coverage.ipv6),
    )
    names = [node.name for node in coverage.changes]
    lines = write_table([*sets, *_CHAIN.splitlines()])
    return Document(lines, tell_loss(names, "a name, left out: only networks are here"))


def write_table(body: Iterable[str]) -> list[str]:
    """Return the lines of a table that takes the place of an older one: `delete` needs one to be there."""
    return ["table inet dnsfilter", "delete table inet dnsfilter", "table inet dnsfilter {", *body, "}"]


def write_set(name: str, kind: str, networks: Sequence[Network]) -> Iterator[str]:
    """Write a set of addresses or networks."""
    yield f"  set {name} {{"
    yield f"    type {kind}"
    yield "    flags interval"
    if networks:
        yield "    elements = {"
        yield from (f"      {network}," for network in networks)
        yield "    }"
    yield "  }"
