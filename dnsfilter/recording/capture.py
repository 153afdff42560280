"""Packet captures, pcap and pcapng: octets -> packets with their time and link type.

Both formats in either byte order, with times in whatever unit the file states. A file that is damaged gives what is
in front of the damage, then a problem.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from dnsfilter.errors import Problem
from dnsfilter.recording.lookup import check_time

MAX_PACKET = 262_144
"""What libpcap's MAXIMUM_SNAPLEN allows; a larger length is damage."""
MAX_BLOCK = 16 * 1024 * 1024

PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
}
"""Per magic number the byte order and the units of time in a second."""
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

_LINK_TYPE = 0xFFFF
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_INTERFACE, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 3, 6
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14
_MIN_BLOCK = 12


class Packet(NamedTuple):
    """One packet; `number` counts from 1, `time` is seconds since the epoch, `link` a LINKTYPE_ value."""

    number: int
    time: float
    link: int
    data: bytes


class _Interface(NamedTuple):
    link: int
    units: int = 10**6
    offset: int = 0


class _Damage(Exception):  # noqa: N818 - a condition of the file, caught in this module
    pass


def read_packets(data: memoryview, file: str) -> Iterator[Packet | Problem]:
    """Yield the packets of a capture."""
    is_next_generation = bytes(data[:4]) == PCAPNG_MAGIC
    number = 0
    try:
        for packet in _read_pcapng(data) if is_next_generation else _read_pcap(data):
            number += 1
            yield packet._replace(number=number)
    except _Damage as damage:
        yield Problem(str(damage), file, key=f"packet {number + 1}")
    except struct.error:
        yield Problem("the file ends inside it", file, key=f"packet {number + 1}")


def _read_pcap(data: memoryview) -> Iterator[Packet]:
    order, units = PCAP_MAGICS[bytes(data[:4])]
    link = struct.unpack_from(f"{order}I", data, 20)[0] & _LINK_TYPE
    record = struct.Struct(f"{order}IIII")
    offset = 24
    while offset < len(data):
        seconds, fraction, length, _ = record.unpack_from(data, offset)
        offset += record.size
        yield Packet(0, seconds + fraction / units, link, _cut(data, offset, length))
        offset += length


def _cut(data: memoryview, offset: int, length: int) -> bytes:
    if length > MAX_PACKET:
        raise _Damage(f"{length} octets are more than a packet can have")
    if offset + length > len(data):
        raise _Damage("the file ends inside it")
    return bytes(data[offset : offset + length])


def _read_pcapng(data: memoryview) -> Iterator[Packet]:
    order, offset = "<", 0
    interfaces: list[_Interface] = []
    while offset < len(data):
        if bytes(data[offset : offset + 4]) == PCAPNG_MAGIC:
            order, interfaces = _byte_order(data, offset), []
        kind, length = struct.unpack_from(f"{order}II", data, offset)
        if not _MIN_BLOCK <= length <= MAX_BLOCK:
            raise _Damage(f"a block cannot have {length} octets")
        if offset + length > len(data):
            raise _Damage("the file ends inside it")
        body = data[offset + 8 : offset + length - 4]
        if kind == _INTERFACE:
            interfaces.append(_read_interface(body, order))
        elif kind == _ENHANCED_PACKET:
            yield _read_enhanced(body, order, interfaces)
        elif kind == _SIMPLE_PACKET:
            raise _Damage("simple packet blocks have no time")
        offset += length + -length % 4


def _byte_order(data: memoryview, offset: int) -> str:
    magic = bytes(data[offset + 8 : offset + 12])
    if magic not in _BYTE_ORDERS:
        raise _Damage(f"{magic.hex()!r} is no byte-order magic")
    return _BYTE_ORDERS[magic]


def _read_interface(body: memoryview, order: str) -> _Interface:
    interface = _Interface(struct.unpack_from(f"{order}H", body)[0])
    offset = 8
    while offset + 4 <= len(body):
        code, length = struct.unpack_from(f"{order}HH", body, offset)
        value = bytes(body[offset + 4 : offset + 4 + length])
        if code == _TIME_RESOLUTION and length == 1:
            base, exponent = (2, value[0] & 0x7F) if value[0] & 0x80 else (10, value[0])
            interface = interface._replace(units=base**exponent)
        elif code == _TIME_OFFSET and length == 8:  # noqa: PLR2004 - a 64-bit number
            interface = interface._replace(offset=struct.unpack(f"{order}q", value)[0])
        offset += 4 + length + -length % 4
    return interface


def _read_enhanced(body: memoryview, order: str, interfaces: list[_Interface]) -> Packet:
    index, high, low, length, _ = struct.unpack_from(f"{order}IIIII", body)
    if index >= len(interfaces):
        raise _Damage(f"there is no interface {index}")
    interface = interfaces[index]
    try:
        time = check_time(interface.offset + (high << 32 | low) / interface.units)
    except ValueError as error:
        raise _Damage(str(error)) from None
    return Packet(0, time, interface.link, _cut(body, 20, length))
