"""AdGuard Home: `||name^` with all below, `|name|` alone, `@@` before them frees.

What a blocked name gets is AdGuard's own setting. An exception beats every rule there, not only the shorter
ones: what is blocked within what is freed cannot be said.
"""

from collections.abc import Iterator

from dnsfilter.blocklist.export.coverage import FREE, Coverage, Node
from dnsfilter.blocklist.export.document import Document, tell_loss
from dnsfilter.settings.resolver import Sinkhole


def write_adguard(coverage: Coverage, _sinkhole: Sinkhole, _serial: int) -> Document:
    """Write a list to subscribe to."""
    freed: set[str] = set()
    lost: list[str] = []
    lines: list[str] = []
    for node in coverage.changes:
        if _is_within(node.name, freed):
            lost.append(node.name)
            continue
        if node.inherited is not FREE and node.below is FREE:
            freed.add(node.name)
            lost += [node.name] if node.own is not FREE else []
        lines += _write(node)
    losses = [
        *tell_loss(lost, "free because what is above or below is freed"),
        *tell_loss(coverage.patterns, "a pattern within a label, left out"),
    ]
    return Document(lines, losses)


def _is_within(name: str, freed: set[str]) -> bool:
    while name:
        if name in freed:
            return True
        name = name.partition(".")[2]
    return False


def _write(node: Node) -> Iterator[str]:
    if node.inherited is not FREE:
        if node.below is FREE:
            yield f"@@||{node.name}^"
        elif node.own is FREE:
            yield f"@@|{node.name}|"
    elif node.below is FREE:
        yield f"|{node.name}|"
    else:
        yield f"||{node.name}^"
        if node.own is FREE:
            yield f"@@|{node.name}|"
