"""Which format a recording has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import InputError, Problem
from dnsfilter.recording.formats import read_recording
from dnsfilter.recording.lookup import Lookup
from tests.fakes.captures import dnstap, ethernet, frames, pcap, pcapng, query, udp

PACKETS = [(10.0, ethernet(udp("192.0.2.1", "192.0.2.53", query("a.example"))))]


@pytest.mark.parametrize(
    "data",
    [
        pcap(PACKETS),
        pcap(PACKETS, order=">", nanoseconds=True),
        pcapng(PACKETS),
        frames([dnstap(5, "192.0.2.1", 10.0, query("a.example"))]),
        b"time,client,name\n1970-01-01T00:00:10Z,192.0.2.1,a.example\n",
    ],
    ids=["pcap", "pcap in nanoseconds", "pcapng", "dnstap", "CSV"],
)
def test_formats(data: bytes) -> None:
    """The same lookup is found in every format, told by the first octets alone."""
    assert list(read_recording(memoryview(data), "x", {53})) == [Lookup(10.0, "192.0.2.1", "a.example")]


@pytest.mark.parametrize("data", [b"\x7fELF\0\0", b"PK\3\4\0"])
def test_unknown(data: bytes) -> None:
    """A file of another kind is refused by name."""
    with pytest.raises(InputError, match="x: is neither CSV, pcap, pcapng nor dnstap"):
        read_recording(memoryview(data), "x", {53})


@given(st.sampled_from([b"", b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\0\0\0\0"]), st.binary(max_size=200))
def test_any_octets(start: bytes, rest: bytes) -> None:
    """Whatever follows the first octets, what comes are lookups and problems, or the file is refused."""
    try:
        found = list(read_recording(memoryview(start + rest), "x", {53}))
    except InputError:
        return
    assert all(isinstance(each, Lookup | Problem) for each in found)
