"""Packets of every link type, and what they carry."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.recording.packet import TCP, UDP, Segment, read_segment
from tests.fakes.captures import ethernet, ip, tcp, udp

V4 = udp("192.0.2.1", "192.0.2.53", b"payload")
V6 = udp("2001:db8::1", "2001:db8::53", b"payload")
EXPECTED = {
    V4: Segment(UDP, "192.0.2.1", 40_000, "192.0.2.53", 53, b"payload"),
    V6: Segment(UDP, "2001:db8::1", 40_000, "2001:db8::53", 53, b"payload"),
}


@pytest.mark.parametrize("packet", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (0, lambda packet: b"\2\0\0\0" + packet),
        (1, ethernet),
        (1, lambda packet: ethernet(packet, 0x8100)),
        (1, lambda packet: ethernet(packet, 0x88A8, 0x8100)),
        (1, lambda packet: ethernet(packet) + b"padding"),
        (12, bytes),
        (101, bytes),
        (113, lambda packet: bytes(2) + ethernet(packet)),
        (276, lambda packet: ethernet(packet)[12:14] + bytes(18) + packet),
    ],
)
def test_links(link: int, wrap: object, packet: bytes) -> None:
    """A datagram is found under every link type."""
    assert callable(wrap)
    assert read_segment(link, wrap(packet)) == EXPECTED[packet]


def test_tcp() -> None:
    """A segment has its sequence number; that of a SYN is the next one's (RFC 9293 section 3.4)."""
    assert read_segment(101, tcp("192.0.2.1", "192.0.2.2", 7, b"data")) == Segment(
        TCP, "192.0.2.1", 40_000, "192.0.2.2", 443, b"data", 7
    )
    assert read_segment(101, tcp("192.0.2.1", "192.0.2.2", 0xFFFFFFFF, flags=2)) == Segment(
        TCP, "192.0.2.1", 40_000, "192.0.2.2", 443, b"", 0, is_start=True
    )


@pytest.mark.parametrize(
    ("link", "data"),
    [
        (1, b""),
        (1, bytes(12) + b"\x08\x06" + bytes(28)),  # ARP
        (1, ethernet(ip("192.0.2.1", "192.0.2.2", 1, bytes(8)))),  # ICMP
        (101, ip("192.0.2.1", "192.0.2.2", 17, bytes(8), flags=0x2000)),  # a fragment
        (101, b"\x50" + bytes(40)),
        (105, V4),  # 802.11
        (276, bytes(20) + V4),
    ],
)
def test_nothing(link: int, data: bytes) -> None:
    """What is no whole IP packet with TCP or UDP carries nothing."""
    assert read_segment(link, data) is None


@pytest.mark.parametrize("link", [0, 1, 12, 113, 276])
def test_cut(link: int) -> None:
    """A packet that was cut short carries nothing or less, and raises nothing."""
    for packet in (ethernet(V4), V4, V6, tcp("192.0.2.1", "192.0.2.2", 7, b"data")):
        for length in range(len(packet)):
            read_segment(link, packet[:length])


def test_authentication_header() -> None:
    """An authentication header is passed over; its length counts in other units (RFC 4302 section 2.2)."""
    body = struct.pack("!HHHH", 1, 53, 9, 0) + b"x"
    authentication = bytes([17, 4]) + bytes(22)
    fixed = struct.pack("!IHBB", 6 << 28, len(authentication + body), 51, 64)
    segment = read_segment(101, fixed + bytes(32) + authentication + body)
    assert segment
    assert segment.payload == b"x"


@given(st.sampled_from([0, 1, 12, 14, 101, 108, 113, 228, 229, 276]), st.binary(max_size=200))
def test_any_octets(link: int, data: bytes) -> None:
    """Any octets under any link type raise nothing."""
    segment = read_segment(link, data)
    assert segment is None or segment.protocol in (TCP, UDP)
