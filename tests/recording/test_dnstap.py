"""dnstap frames."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import Problem
from dnsfilter.recording.dnstap import read_dnstap
from dnsfilter.recording.frames import read_frames
from dnsfilter.recording.lookup import Lookup
from tests.fakes.captures import dnstap, protobuf, query, response
from tests.fakes.upstream import FakeUpstream

QUERY = dnstap(5, "192.0.2.1", 1_700_000_000.5, query("a.example"))
RESPONSE = dnstap(6, "2001:db8::1", 1_700_000_001.25, response("a.example"))


def read(*frames: bytes) -> list[Lookup | Problem]:
    return list(read_dnstap(frames, "x.tap"))


def test_queries() -> None:
    """Clients' queries are lookups; what the server itself asked others is not."""
    resolver = dnstap(3, "192.0.2.53", 1.0, query("a.example"))
    assert read(QUERY, resolver, RESPONSE) == [Lookup(1_700_000_000.5, "192.0.2.1", "a.example")]


def test_responses_only() -> None:
    """Where only responses were recorded, their questions are the lookups."""
    assert read(RESPONSE) == [Lookup(1_700_000_001.25, "2001:db8::1", "a.example")]


def message(*fields: tuple[int, int | bytes]) -> bytes:
    return protobuf([(15, 1), (14, protobuf(fields))])


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (b"\xff", "a protobuf message ends inside a number"),
        (message((1, b"x")), "field 1 is not a number"),
        (message((1, 5), (4, b"\1\2\3\4")), "has no field 10"),
        (message((1, 5), (10, query("a.example"))), "has no field 4"),
        (message((1, 5), (4, b"\1\2\3"), (10, query("a.example"))), "b'\\x01\\x02\\x03' does not appear to be"),
        (message((1, 5), (4, b"\1\2\3\4"), (10, b"short")), "shorter than a header"),
        (message((1, 5), (4, b"\1\2\3\4"), (8, 2**60), (10, query("a.example"))), "1152921504606846976 seconds"),
    ],
)
def test_bad_frames(frame: bytes, problem: str) -> None:
    """A frame that cannot be read is a problem with its number, and the next one is read."""
    found, after = read(frame, QUERY)
    assert str(found).startswith(f"x.tap: frame 1: {problem}")
    assert isinstance(after, Lookup)


@pytest.mark.parametrize(
    "frame", [b"", protobuf([(15, 2), (14, b"")]), message((1, 5), (4, b"\1\2\3\4"), (10, response("a")))]
)
def test_nothing(frame: bytes) -> None:
    """A frame without a message, or with a message of the other direction, is about nothing."""
    assert read(frame) == []


def test_real_file(tmp_path: Path, require_program: Callable[[str, str], str]) -> None:
    """What another program writes is read: container, protobuf and message."""
    kdig = require_program("kdig", "knot-dnsutils")
    file = tmp_path / "x.tap"
    with FakeUpstream() as upstream:
        command = [kdig, "@127.0.0.1", "-p", str(upstream.port), "-E", str(file), "www.tiktok.com", "A"]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    (lookup,) = read_dnstap(read_frames(memoryview(file.read_bytes()), "x.tap"), "x.tap")
    assert isinstance(lookup, Lookup)
    assert lookup.name == "www.tiktok.com"
    assert abs(lookup.time - time.time()) < 60


def test_problems_of_the_file_pass() -> None:
    """What is wrong with the file is told on."""
    problem = Problem("cut", "x.tap")
    assert list(read_dnstap([problem], "x.tap")) == [problem]


@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    """A frame with changed octets is a lookup, a problem or nothing."""
    octets = bytearray(data.draw(st.sampled_from([QUERY, RESPONSE])))
    for index in data.draw(st.lists(st.integers(0, len(octets) - 1), min_size=1, max_size=8)):
        octets[index] = data.draw(st.integers(0, 255))
    assert len(read(bytes(octets))) <= 1
