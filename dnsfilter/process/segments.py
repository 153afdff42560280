"""Keeps statistics from speaking of single people: segments with few devices become one."""

from collections.abc import Mapping

OTHER = "other"


def merge_segments(sizes: Mapping[str, int], minimum: int) -> dict[str, str]:
    """Return under which name each segment counts: its own, or `other` where it has fewer devices than the minimum.

    Where those together are still too few, the next larger segment joins them: else they follow by subtraction.
    """
    merged: list[str] = []
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        total = sum(sizes[each] for each in merged)
        if sizes[name] < minimum or (merged and total < minimum):
            merged.append(name)
    return {name: OTHER if name in merged else name for name in sizes}
