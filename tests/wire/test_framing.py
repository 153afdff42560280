"""Messages in streams, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.framing import MAX_MESSAGE, Deframer, frame, is_whole


@given(st.lists(st.binary(max_size=50), max_size=10), st.lists(st.integers(0, 60), max_size=30))
def test_frames_survive_any_cutting(messages, sizes):
    """RFC 7766 section 8: what was framed comes out whole and in order, wherever segments begin."""
    stream = b"".join(map(frame, messages))
    deframer, found = Deframer(), []
    for size in sizes:
        found += deframer.feed(stream[:size])
        stream = stream[size:]
    assert found + deframer.feed(stream) == messages


def test_longest_message():
    """A message of 65,535 octets has a length that fits."""
    message = bytes(MAX_MESSAGE)
    assert Deframer().feed(frame(message) + b"\0") == [message]


def test_incomplete():
    """Nothing comes out before its last octet is in."""
    deframer = Deframer()
    assert deframer.feed(b"\0\3ab") == []
    assert deframer.feed(b"c\0") == [b"abc"]


@given(st.binary(max_size=50), st.binary(max_size=5), st.integers(0, 60))
def test_whole(message, rest, size):
    """A stream begins with something whole when as many octets are there as the first two say, and not before."""
    stream = frame(message) + rest
    assert is_whole(stream)
    assert is_whole(stream[:size]) == (size >= len(frame(message)))
