"""Small segments become one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.process.segments import OTHER, merge_segments

SIZES = st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 20))


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ({}, set()),
        ({"a": 5, "b": 100}, set()),
        ({"a": 4, "b": 3, "c": 100}, {"a", "b"}),
        ({"a": 1, "b": 7, "c": 100}, {"a", "b"}),  # one alone would follow by subtraction
        ({"a": 1}, {"a"}),
    ],
)
def test_merging(sizes: dict[str, int], merged: set[str]) -> None:
    """Segments below five merge, and the next larger one with them where they are too few together."""
    assert merge_segments(sizes, 5) == {name: OTHER if name in merged else name for name in sizes}


@given(SIZES, st.integers(1, 10))
def test_no_small_segment_shows(sizes: dict[str, int], minimum: int) -> None:
    """Whatever the sizes, no segment below the minimum shows unless all there is is that small."""
    names = merge_segments(sizes, minimum)
    shown = Counter[str]()
    for name, size in sizes.items():
        shown[names[name]] += size
    assert all(size >= minimum for size in shown.values()) or set(shown) <= {OTHER}
