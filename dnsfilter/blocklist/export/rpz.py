"""Response policy zone: QNAME triggers, a wildcard for what is below a name, PASSTHRU for what is freed.

A wildcard record does not reach below a name that exists in the zone (RFC 4592 section 2.2.1), so every name under a
wildcard brings its own, and so do the empty non-terminals above it.
"""

from collections.abc import Iterator

from dnsfilter.blocklist.export.coverage import FREE, Coverage, Node
from dnsfilter.blocklist.export.document import Document, find_addresses, tell_loss
from dnsfilter.model import DnsAction
from dnsfilter.settings.resolver import Sinkhole

MAX_TRIGGER = 200
"""How long a name can be, so that the zone's own name still fits behind it."""

_CNAMES = {
    FREE: "rpz-passthru.",
    DnsAction.NODATA: "*.",
    DnsAction.NXDOMAIN: ".",
    DnsAction.REFUSED: ".",
}


def write_rpz(coverage: Coverage, sinkhole: Sinkhole, serial: int) -> Document:
    """Write a zone that can be loaded under any name; `serial` is its SOA's."""
    head = [
        f"$TTL {sinkhole.ttl}",
        f"@ SOA localhost. root.localhost. {serial} 3600 600 86400 {sinkhole.ttl}",
        "@ NS localhost.",
    ]
    changes = [node for node in coverage.changes if len(node.name) <= MAX_TRIGGER]
    lines = [line for node in _complete(changes) for line in _write(node, sinkhole)]
    too_long = [node.name for node in coverage.changes if len(node.name) > MAX_TRIGGER]
    refused = [node.name for node in changes if DnsAction.REFUSED in (node.own, node.below)]
    losses = [
        *tell_loss(too_long, f"longer than {MAX_TRIGGER} characters, no room for the zone's name, left out"),
        *tell_loss(refused, "NXDOMAIN instead of REFUSED"),
        *tell_loss(coverage.patterns, "a pattern within a label, left out"),
        *tell_loss([str(network) for network in (*coverage.ipv4, *coverage.ipv6)], "a network, see --format nftables"),
    ]
    return Document(head + lines, losses)


def _complete(changes: list[Node]) -> Iterator[Node]:
    """Yield the nodes and, below a blocking wildcard, the names between it and them."""
    below: dict[str, DnsAction] = {}
    for node in changes:
        if node.inherited is not FREE:
            for name in reversed(list(_find_between(node.name, below))):
                below[name] = node.inherited
                yield Node(name, node.inherited, node.inherited, node.inherited)
        below[node.name] = node.below
        yield node


def _find_between(name: str, below: dict[str, DnsAction]) -> Iterator[str]:
    parent = name.partition(".")[2]
    while parent and parent not in below:
        yield parent
        parent = parent.partition(".")[2]


def _write(node: Node, sinkhole: Sinkhole) -> Iterator[str]:
    for trigger, action in ((node.name, node.own), (f"*.{node.name}", node.below)):
        if action is FREE and node.inherited is FREE:
            continue
        if action in _CNAMES:
            yield f"{trigger} CNAME {_CNAMES[action]}"
        else:
            ipv4, ipv6 = find_addresses(action, sinkhole)
            yield f"{trigger} A {ipv4}"
            yield f"{trigger} AAAA {ipv6}"
