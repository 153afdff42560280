"""From a captured packet to what TCP or UDP carries: link layer, VLAN tags, IPv4 or IPv6 and its extension headers.

Fragments are left out: what is looked for stands at the start of small messages. Raises nothing: a packet that is
malformed, cut short or of another kind carries nothing.
"""

import struct
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

TCP, UDP = 6, 17

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_EXTENSIONS = (0, 43, 60, 135)  # hop-by-hop, routing, destination options, mobility (RFC 8200 section 4)
_AUTHENTICATION = 51
_FRAGMENTED = 0x3FFF
_MAX_HEADERS = 16
_SYN = 0x02


class Segment(NamedTuple):
    """A UDP datagram or a TCP segment; `sequence` is that of the first octet of `payload`."""

    protocol: int
    source: str
    source_port: int
    target: str
    target_port: int
    payload: bytes
    sequence: int = 0
    is_start: bool = False


def read_segment(link: int, data: bytes) -> Segment | None:
    """Return what a packet of a link type carries, None where that is nothing we know."""
    unwrap = _LINKS.get(link)
    try:
        packet = unwrap(data) if unwrap else None
        return _read_ip(packet) if packet else None
    except (struct.error, IndexError):
        return None


def _unwrap_ethernet(data: bytes) -> bytes | None:
    return _untag(data, 12)


def _unwrap_cooked(data: bytes) -> bytes | None:
    return _untag(data, 14)


def _unwrap_cooked_v2(data: bytes) -> bytes | None:
    return data[20:] if _short(data, 0) in (_IPV4, _IPV6) else None


def _unwrap_loopback(data: bytes) -> bytes | None:
    return data[4:]


def _unwrap_raw(data: bytes) -> bytes | None:
    return data


_LINKS: dict[int, Callable[[bytes], bytes | None]] = {
    0: _unwrap_loopback,
    1: _unwrap_ethernet,
    12: _unwrap_raw,
    14: _unwrap_raw,
    101: _unwrap_raw,
    108: _unwrap_loopback,
    113: _unwrap_cooked,
    228: _unwrap_raw,
    229: _unwrap_raw,
    276: _unwrap_cooked_v2,
}
"""By LINKTYPE_ value: NULL, ETHERNET, RAW as BSDs number it, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2."""


def _untag(data: bytes, offset: int) -> bytes | None:
    """Return what is behind the EtherType at an offset and behind VLAN tags, where that is IP."""
    while _short(data, offset) in _VLAN_TAGS:
        offset += 4
    return data[offset + 2 :] if _short(data, offset) in (_IPV4, _IPV6) else None


def _short(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("!H", data, offset)[0])


def _read_ip(packet: bytes) -> Segment | None:
    version = packet[0] >> 4
    if version == 4:  # noqa: PLR2004 - IPv4
        return _read_ipv4(packet)
    return _read_ipv6(packet) if version == 6 else None  # noqa: PLR2004 - IPv6


def _read_ipv4(packet: bytes) -> Segment | None:
    header, total = (packet[0] & 0x0F) * 4, _short(packet, 2)
    if _short(packet, 6) & _FRAGMENTED:
        return None
    end = total or len(packet)  # 0 where the network card was left to segment
    return _read_transport(packet[9], packet[12:16], packet[16:20], packet[header:end])


def _read_ipv6(packet: bytes) -> Segment | None:
    kind, offset = packet[6], 40
    end = offset + _short(packet, 4) if _short(packet, 4) else len(packet)
    for _ in range(_MAX_HEADERS):
        if kind in _EXTENSIONS:
            kind, offset = packet[offset], offset + 8 + packet[offset + 1] * 8
        elif kind == _AUTHENTICATION:
            kind, offset = packet[offset], offset + 8 + packet[offset + 1] * 4
        else:
            break
    return _read_transport(kind, packet[8:24], packet[24:40], packet[offset:end])


def _read_transport(protocol: int, source: bytes, target: bytes, data: bytes) -> Segment | None:
    if protocol not in (TCP, UDP):
        return None
    source_port, target_port = struct.unpack_from("!HH", data)
    if protocol == UDP:
        payload, sequence, is_start = data[8 : _short(data, 4) or None], 0, False
    else:
        is_start = bool(data[13] & _SYN)
        sequence = (struct.unpack_from("!I", data, 4)[0] + is_start) & 0xFFFFFFFF
        payload = data[(data[12] >> 4) * 4 :]
    return Segment(protocol, _text(source), source_port, _text(target), target_port, payload, sequence, is_start)


def _text(address: bytes) -> str:
    return str(ip_address(address))
