"""Streams put in order."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.recording.streams import MAX_AHEAD, Stream


@given(st.binary(min_size=1, max_size=200), st.integers(0, 2**32 - 1), st.data())
def test_order(content: bytes, start: int, data: st.DataObject) -> None:
    """Segments in any order, overlapping and repeated, give the octets that were sent."""
    cuts = sorted({0, len(content), *data.draw(st.lists(st.integers(0, len(content)), max_size=8))})
    parts = [(first, content[first:second]) for first, second in pairwise(cuts)]
    repeated = [
        (first, content[first : first + 30]) for first in data.draw(st.lists(st.sampled_from(cuts), max_size=5))
    ]
    stream = Stream(start)
    found = b"".join(
        stream.take((start + offset) % 2**32, part) for offset, part in data.draw(st.permutations(parts + repeated))
    )
    assert found == content


def test_lost_segment() -> None:
    """A gap that is never filled is given up, and what is behind it goes on."""
    stream = Stream(0)
    assert stream.take(0, b"a") == b"a"
    found = b"".join(stream.take(100 + index, b"b") for index in range(MAX_AHEAD + 1))
    assert found == b"b" * (MAX_AHEAD + 1)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=5)), max_size=100))
def test_any_segments(segments: list[tuple[int, bytes]]) -> None:
    """Whatever the sequence numbers, no more octets come out than went in."""
    stream = Stream(0)
    found = sum(len(stream.take(sequence, payload)) for sequence, payload in segments)
    assert found <= sum(len(payload) for _, payload in segments)
