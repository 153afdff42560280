"""Dnsmasq: `address=` blocks a name with all below it, `server=/…/#` frees, `*.` is only what is below.

The longest name decides (dnsmasq 2.86 or later). `local=` keeps the types that have no address from being forwarded.
"""

from collections.abc import Iterator

from dnsfilter.blocklist.export.coverage import FREE, Coverage, Node
from dnsfilter.blocklist.export.document import Document, find_addresses, tell_loss
from dnsfilter.model import DnsAction
from dnsfilter.settings.resolver import Sinkhole

_WITH_ADDRESS = (DnsAction.SINKHOLE, DnsAction.NULL)


def write_dnsmasq(coverage: Coverage, sinkhole: Sinkhole, _serial: int) -> Document:
    """Write a file for `conf-file=` or /etc/dnsmasq.d."""
    changes = list(coverage.changes)
    lines = [line for node in changes for line in _write(node, sinkhole)]
    softened = [node.name for node in changes if {DnsAction.NODATA, DnsAction.REFUSED} & {node.own, node.below}]
    losses = [
        *tell_loss(softened, "NXDOMAIN instead of NODATA or REFUSED"),
        *tell_loss(coverage.patterns, "a pattern within a label, left out"),
    ]
    return Document(lines, losses)


def _write(node: Node, sinkhole: Sinkhole) -> Iterator[str]:
    if node.own is not node.inherited or node.own is node.below:
        yield from _write_action(node.name, node.own, sinkhole)
    if node.own is not node.below:
        yield from _write_action(f"*.{node.name}", node.below, sinkhole)


def _write_action(name: str, action: DnsAction, sinkhole: Sinkhole) -> Iterator[str]:
    if action is FREE:
        yield f"server=/{name}/#"
    elif action in _WITH_ADDRESS:
        for address in find_addresses(action, sinkhole):
            yield f"address=/{name}/{address}"
        yield f"local=/{name}/"
    else:
        yield f"address=/{name}/"
