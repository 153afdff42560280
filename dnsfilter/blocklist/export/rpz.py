"""Response policy zone: client-IP and QNAME triggers, a wildcard for what is below a name, PASSTHRU for what is freed.

A wildcard record does not reach below a name that exists in the zone (RFC 4592 section 2.2.1), so every name under a
wildcard brings its own, and so do the empty non-terminals above it.
"""

from collections.abc import Iterator

from dnsfilter.blocklist.export.coverage import FREE, Coverage, Data, LocalData, Node
from dnsfilter.blocklist.export.document import Document, find_addresses, tell_loss
from dnsfilter.blocklist.triggers import write_network
from dnsfilter.model import DnsAction
from dnsfilter.settings.resolver import Sinkhole

MAX_TRIGGER = 200
"""How long a name can be, so that the zone's own name still fits behind it."""

_CNAMES = {
    FREE: "rpz-passthru.",
    DnsAction.NODATA: "*.",
    DnsAction.NXDOMAIN: ".",
    DnsAction.REFUSED: ".",
    DnsAction.DROP: "rpz-drop.",
}


def write_rpz(coverage: Coverage, sinkhole: Sinkhole, serial: int) -> Document:
    """Write a zone that can be loaded under any name; `serial` is its SOA's."""
    head = [
        f"$TTL {sinkhole.ttl}",
        f"@ SOA localhost. root.localhost. {serial} 3600 600 86400 {sinkhole.ttl}",
        "@ NS localhost.",
    ]
    askers = [
        line
        for network, (action, data) in coverage.askers
        for line in _write_action(write_network(network, "rpz-client-ip"), action, data, sinkhole)
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
    return Document(head + askers + lines, losses)


def _complete(changes: list[Node]) -> Iterator[Node]:
    """Yield the nodes and, below a blocking wildcard, the names between it and them."""
    known: set[str] = set()
    for node in changes:
        if node.inherited is not FREE:
            data = LocalData(*[node.data.inherited] * 3)
            for name in reversed(list(_find_between(node.name, known))):
                known.add(name)
                yield Node(name, node.inherited, node.inherited, node.inherited, data)
        known.add(node.name)
        yield node


def _find_between(name: str, known: set[str]) -> Iterator[str]:
    parent = name.partition(".")[2]
    while parent and parent not in known:
        yield parent
        parent = parent.partition(".")[2]


def _write(node: Node, sinkhole: Sinkhole) -> Iterator[str]:
    yield from _write_trigger(node.name, node.own, node.data.own, node, sinkhole)
    yield from _write_trigger(f"*.{node.name}", node.below, node.data.below, node, sinkhole)


def _write_trigger(trigger: str, action: DnsAction, data: Data, node: Node, sinkhole: Sinkhole) -> Iterator[str]:
    if action is not FREE or node.inherited is not FREE:
        yield from _write_action(trigger, action, data, sinkhole)


def _write_action(trigger: str, action: DnsAction, data: Data, sinkhole: Sinkhole) -> Iterator[str]:
    if data:
        yield from (f"{trigger} {record}" for record in data)
    elif action in _CNAMES:
        yield f"{trigger} CNAME {_CNAMES[action]}"
    else:
        ipv4, ipv6 = find_addresses(action, sinkhole)
        yield f"{trigger} A {ipv4}"
        yield f"{trigger} AAAA {ipv6}"
