"""Unbound: a local zone for each name; the longest one decides.

A zone covers its name and all below, except that `transparent` with data is that name alone.
"""

from collections.abc import Iterator

from dnsfilter.blocklist.export.coverage import FREE, Coverage, Node
from dnsfilter.blocklist.export.document import Document, find_addresses, tell_loss
from dnsfilter.model import DnsAction
from dnsfilter.settings.resolver import Sinkhole

_ZONES = {
    FREE: "always_transparent",
    DnsAction.SINKHOLE: "redirect",
    DnsAction.NULL: "always_null",
    DnsAction.NODATA: "always_nodata",
    DnsAction.NXDOMAIN: "always_nxdomain",
    DnsAction.REFUSED: "always_refuse",
}
_WITHOUT_DATA = (DnsAction.NODATA, DnsAction.NXDOMAIN, DnsAction.REFUSED)


def write_unbound(coverage: Coverage, sinkhole: Sinkhole, _serial: int) -> Document:
    """Write a file for `include:`."""
    changes = list(coverage.changes)
    lines = ["server:", *(f"  {line}" for node in changes for line in _write(node, sinkhole))]
    below_only = [node.name for node in changes if node.own is FREE and node.below is not FREE]
    softened = [node.name for node in changes if node.below is FREE and node.own in _WITHOUT_DATA[1:]]
    losses = [
        *tell_loss(below_only, "what is below the name goes free with it"),
        *tell_loss(softened, "NODATA for the name alone instead of NXDOMAIN or REFUSED"),
        *tell_loss(coverage.patterns, "a pattern within a label, left out"),
    ]
    return Document(lines, losses)


def _write(node: Node, sinkhole: Sinkhole) -> Iterator[str]:
    if node.own is FREE:
        if node.inherited is not FREE:
            yield _zone(node, _ZONES[FREE])
    elif node.below is FREE:
        yield _zone(node, "transparent")
        yield from _write_data(node, sinkhole)
    else:
        yield _zone(node, _ZONES[node.below])
        if node.below is DnsAction.SINKHOLE:
            yield from _write_data(node, sinkhole)


def _zone(node: Node, kind: str) -> str:
    return f'local-zone: "{node.name}." {kind}'


def _write_data(node: Node, sinkhole: Sinkhole) -> Iterator[str]:
    if node.own in _WITHOUT_DATA:  # data of a type that nobody asks for makes the name exist without addresses
        yield f"local-data: '{node.name}. {sinkhole.ttl} TXT \"\"'"
        return
    for rrtype, address in zip(("A", "AAAA"), find_addresses(node.own, sinkhole), strict=True):
        yield f'local-data: "{node.name}. {sinkhole.ttl} {rrtype} {address}"'
