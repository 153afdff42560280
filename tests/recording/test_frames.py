"""Frame Streams files."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import Problem
from dnsfilter.recording.frames import read_frames
from tests.fakes.captures import frames

PAYLOADS = [b"first", b"x" * 1_000]


def read(data: bytes) -> list[bytes | Problem]:
    return list(read_frames(memoryview(data), "x.tap"))


@pytest.mark.parametrize("stop", [True, False])
def test_frames(*, stop: bool) -> None:
    """Data frames come in order, whether or not the writer ended in an orderly way."""
    assert read(frames(PAYLOADS, stop=stop)) == PAYLOADS


def test_behind_stop() -> None:
    """What follows a STOP frame does not belong to the stream."""
    assert read(frames(PAYLOADS) + b"nonsense") == PAYLOADS


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (frames([], b"text/plain"), "x.tap: frame 1: 'text/plain' is not dnstap"),
        (frames(PAYLOADS, stop=False)[:-1], "x.tap: frame 2: the file ends inside it"),
        (frames(PAYLOADS, stop=False) + b"\0", "x.tap: frame 3: the file ends inside it"),
        (frames([], stop=False) + struct.pack("!I", 1 << 31), "x.tap: frame 1: 2147483648 octets are more than"),
        (b"\0\0\0\0\0\0\0\1x", "x.tap: frame 1: a control frame without a type"),
        (b"\0\0\0\0", "x.tap: frame 1: the file ends inside it"),
    ],
)
def test_damage(data: bytes, problem: str) -> None:
    """Damage is one problem that names the frame, behind the frames in front of it."""
    *before, last = read(data)
    assert str(last).startswith(problem)
    assert before == PAYLOADS[: len(before)]


@given(st.lists(st.binary(min_size=1)))
def test_any_frames(payloads: list[bytes]) -> None:
    """What was put in comes out."""
    assert read(frames(payloads)) == payloads


@given(st.binary())
def test_any_octets(data: bytes) -> None:
    """Any octets give frames and at most one problem, the last."""
    assert all(isinstance(each, bytes) for each in read(data)[:-1])
