"""Hosts file: an address for each name, and nothing for what is below it."""

from dnsfilter.blocklist.export.coverage import FREE, Coverage
from dnsfilter.blocklist.export.document import Document, find_addresses, tell_loss
from dnsfilter.settings.resolver import Sinkhole


def write_hosts(coverage: Coverage, sinkhole: Sinkhole, _serial: int) -> Document:
    """Write every blocked name that is mentioned, also where a name above it is blocked."""
    lines = [
        f"{address} {node.name}"
        for node in coverage.nodes
        if node.own is not FREE
        for address in find_addresses(node.own, sinkhole)
    ]
    covering = [node.name for node in coverage.changes if node.below not in (FREE, node.inherited)]
    losses = [
        *tell_loss(covering, "only the name itself, not what is below it"),
        *tell_loss(coverage.patterns, "a pattern within a label, left out"),
    ]
    return Document(lines, losses)
