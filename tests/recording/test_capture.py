"""pcap and pcapng files."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import Problem
from dnsfilter.recording.capture import Packet, read_packets
from tests.fakes.captures import block, pcap, pcapng

PACKETS = [(1_700_000_000.25, b"first"), (1_700_000_001.5, b""), (1_700_000_002.0, b"third!")]
EXPECTED = [Packet(number, time, 1, data) for number, (time, data) in enumerate(PACKETS, start=1)]
SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def read(data: bytes) -> list[Packet | Problem]:
    return list(read_packets(memoryview(data), "x.pcap"))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap(order: str, *, nanoseconds: bool) -> None:
    """Packets come with their times in either byte order and unit."""
    assert read(pcap(PACKETS, order=order, nanoseconds=nanoseconds)) == EXPECTED


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("resolution", [6, 9, 3, 0x80 | 10])
@pytest.mark.parametrize("offset", [0, 1_600_000_000])
def test_pcapng(order: str, resolution: int, offset: int) -> None:
    """Packets come with their times in either byte order and any unit, and other blocks are passed over."""
    assert read(pcapng(PACKETS, order=order, resolution=resolution, offset=offset)) == EXPECTED


def test_sections() -> None:
    """Files written one behind the other are one recording, each in its own byte order."""
    found = read(pcapng(PACKETS[:1], order="<") + pcapng(PACKETS[1:], order=">"))
    assert found == EXPECTED


def test_link_type() -> None:
    """The link type is that of the file, without what else its field holds."""
    (packet,) = read(pcap(PACKETS[:1], link=0x5400_0065))
    assert isinstance(packet, Packet)
    assert packet.link == 101


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pcap([])[:10], "x.pcap: packet 1: the file ends inside it"),
        (pcap(PACKETS[:1])[:-1], "x.pcap: packet 1: the file ends inside it"),
        (pcap(PACKETS[:1]) + b"\0" * 5, "x.pcap: packet 2: the file ends inside it"),
        (pcap([]) + struct.pack("<IIII", 0, 0, 1 << 30, 0), "x.pcap: packet 1: 1073741824 octets are more than"),
        (pcapng(PACKETS[:1])[:-1], "x.pcap: packet 1: the file ends inside it"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0nope" + bytes(20), "x.pcap: packet 1: '6e6f7065' is no byte-order magic"),
        (SECTION + block(6, bytes(20)), "x.pcap: packet 1: there is no interface 0"),
        (SECTION + block(3, bytes(4)), "x.pcap: packet 1: simple packet blocks have no time"),
        (SECTION + struct.pack("<II", 5, 0), "x.pcap: packet 1: a block cannot have 0 octets"),
        (SECTION + block(1, b""), "x.pcap: packet 1: the file ends inside it"),
        (pcapng([(2**40, b"")], resolution=0), "x.pcap: packet 1: 1099511627776 seconds since 1970"),
    ],
)
def test_damage(data: bytes, problem: str) -> None:
    """Damage is one problem that names the packet, behind those in front of it."""
    *before, last = read(data)
    assert str(last).startswith(problem)
    assert before == EXPECTED[: len(before)]


@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    """A capture with changed octets gives packets and at most one problem, the last."""
    octets = bytearray(data.draw(st.sampled_from([pcap(PACKETS), pcapng(PACKETS)])))
    for index in data.draw(st.lists(st.integers(4, len(octets) - 1), max_size=8)):
        octets[index] = data.draw(st.integers(0, 255))
    found = read(bytes(octets[: data.draw(st.integers(4, len(octets)))]))
    assert all(isinstance(each, Packet) for each in found[:-1])
