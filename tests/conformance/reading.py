"""A response as one reads it to compare it: names lower case and whole, records in no order, TTLs apart.

Written for tests alone: it shares no line with dnsfilter and, unlike dnslib, takes any octets for a label.
"""

import struct
from dataclasses import dataclass, field

_NAMES = {2: 0, 5: 0, 6: 0, 12: 0, 15: 2, 33: 6, 39: 0}
"""Where in the data of NS, CNAME, SOA, PTR, MX, SRV and DNAME records a name stands that may be compressed."""

_OPT, _SOA = 41, 6


@dataclass
class Reading:
    """What a message says."""

    flags: int
    rcode: int
    question: bytes
    sections: list[list[tuple[bytes, int, int, bytes]]] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)
    opt: tuple[int, int, int] | None = None
    """Version, flags and payload."""

    options: list[int] = field(default_factory=list)


def read(message: bytes) -> Reading:
    """Read a response; ValueError, IndexError or struct.error where it is malformed."""
    _, flags, questions, *counts = struct.unpack_from("!6H", message)
    offset = 12
    for _ in range(questions):
        offset = _read_name(message, offset)[1] + 4
    reading = Reading(flags & 0xFFF0, flags & 0xF, message[12:offset])
    for count in counts:
        section: list[tuple[bytes, int, int, bytes]] = []
        for _ in range(count):
            offset = _read_record(message, offset, reading, section)
        reading.sections.append(sorted(section))
    if offset != len(message):
        raise ValueError("octets behind the last record")
    return reading


def _read_record(message: bytes, offset: int, reading: Reading, section: list[tuple[bytes, int, int, bytes]]) -> int:
    owner, offset = _read_name(message, offset)
    rtype, rclass, ttl, length = struct.unpack_from("!HHIH", message, offset)
    start, end = offset + 10, offset + 10 + length
    if end > len(message):
        raise ValueError("record data ends behind the message")
    if rtype == _OPT:
        reading.rcode |= ttl >> 20 & 0xFF0
        reading.opt = ttl >> 16 & 0xFF, ttl & 0xFFFF, rclass
        while start < end:
            code, size = struct.unpack_from("!HH", message, start)
            reading.options.append(code)
            start += 4 + size
        return end
    section.append((owner, rtype, rclass, _read_data(message, start, end, rtype)))
    reading.ttls.append(ttl)
    return end


def _read_data(message: bytes, start: int, end: int, rtype: int) -> bytes:
    if rtype not in _NAMES:
        return message[start:end]
    place = start + _NAMES[rtype]
    name, behind = _read_name(message, place)
    data = message[start:place] + name
    if rtype == _SOA:
        second, behind = _read_name(message, behind)
        data += second
    if behind > end:
        raise ValueError("a name overruns its record")
    return data + message[behind:end]


def _read_name(message: bytes, offset: int) -> tuple[bytes, int]:
    labels, end, limit = [], 0, offset
    while True:
        size = message[offset]
        if size >= 0xC0:
            end = end or offset + 2
            offset = (size & 0x3F) << 8 | message[offset + 1]
            if not 12 <= offset < limit:
                raise ValueError("a pointer that does not point back")
            limit = offset
            continue
        labels.append(message[offset : offset + 1 + size])
        offset += 1 + size
        if not size:
            return b"".join(labels).lower(), end or offset
