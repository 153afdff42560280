"""Captures as programs write them: packets, pcap, pcapng, Frame Streams and dnstap, made from their parts."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from ipaddress import ip_address

from dnslib import DNSRecord

ETHERNET = 1


def query(name: str, qtype: str = "A") -> bytes:
    """Return a DNS query."""
    record = DNSRecord.question(name, qtype)
    record.header.id = 1
    return bytes(record.pack())


def response(name: str) -> bytes:
    """Return a DNS response."""
    return bytes(DNSRecord.parse(query(name)).reply().pack())


def udp(source: str, target: str, payload: bytes, port: int = 53, source_port: int = 40_000) -> bytes:
    """Return an IP packet with a UDP datagram."""
    return ip(source, target, 17, struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload)


def tcp(
    source: str,
    target: str,
    sequence: int,
    payload: bytes = b"",
    port: int = 443,
    flags: int = 0x10,
    source_port: int = 40_000,
) -> bytes:
    """Return an IP packet with a TCP segment."""
    header = struct.pack("!HHIIBBHHH", source_port, port, sequence % (1 << 32), 0, 8 << 4, flags, 65_535, 0, 0) + bytes(
        12
    )
    return ip(source, target, 6, header + payload)


def ip(source: str, target: str, protocol: int, payload: bytes, *, flags: int = 0x4000) -> bytes:
    """Return a packet between two addresses of one family; IPv6 with a hop-by-hop header."""
    first, second = ip_address(source), ip_address(target)
    if first.version == 4:
        fixed = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, flags, 64, protocol, 0)
        return fixed + first.packed + second.packed + payload
    options = bytes([protocol, 0, 1, 4, 0, 0, 0, 0])
    body = options + payload
    return struct.pack("!IHBB", 6 << 28, len(body), 0, 64) + first.packed + second.packed + body


def ethernet(packet: bytes, *tags: int) -> bytes:
    """Return a frame, under VLAN tags."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return bytes(12) + b"".join(struct.pack("!HH", tag, 7) for tag in tags) + kind + packet


def pcap(
    packets: Iterable[tuple[float, bytes]], *, order: str = "<", nanoseconds: bool = False, link: int = ETHERNET
) -> bytes:
    """Return a pcap file."""
    units = 10**9 if nanoseconds else 10**6
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, link)]
    for time, packet in packets:
        seconds = int(time)
        fraction = round((time - seconds) * units)
        parts.append(struct.pack(f"{order}IIII", seconds, fraction, len(packet), len(packet)) + packet)
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return a block of a pcapng file."""
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


def pcapng(
    packets: Iterable[tuple[float, bytes]],
    *,
    order: str = "<",
    resolution: int = 6,
    offset: int = 0,
) -> bytes:
    """Return a pcapng file; `resolution` is if_tsresol: a power of ten, of two where the high bit is set."""
    units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    options = struct.pack(f"{order}HHB3x", 9, 1, resolution) + struct.pack(f"{order}HHq", 14, 8, offset) + bytes(4)
    parts = [
        block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order),
        block(1, struct.pack(f"{order}HHI", ETHERNET, 0, 0) + options, order),
        block(5, bytes(12), order),
    ]
    for time, packet in packets:
        ticks = round(Fraction(time - offset) * units)
        head = struct.pack(f"{order}IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
        parts.append(block(6, head + packet, order))
    return b"".join(parts)


def frames(payloads: Iterable[bytes], content_type: bytes = b"protobuf:dnstap.Dnstap", *, stop: bool = True) -> bytes:
    """Return a Frame Streams file."""
    start = struct.pack("!III", 2, 1, len(content_type)) + content_type
    parts = [struct.pack("!II", 0, len(start)) + start]
    parts += [struct.pack("!I", len(payload)) + payload for payload in payloads]
    return b"".join([*parts, struct.pack("!III", 0, 4, 3) if stop else b""])


def varint(value: int) -> bytes:
    """Return a protobuf number."""
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


def protobuf(fields: Iterable[tuple[int, int | bytes]], fixed: Iterable[int] = ()) -> bytes:
    """Return a protobuf message; the numbers of the fields in `fixed` take 32 bits."""
    parts = []
    for number, value in fields:
        if isinstance(value, bytes):
            parts.append(varint(number << 3 | 2) + varint(len(value)) + value)
        elif number in fixed:
            parts.append(varint(number << 3 | 5) + struct.pack("<I", value))
        else:
            parts.append(varint(number << 3) + varint(value))
    return b"".join(parts)


def dnstap(kind: int, client: str, time: float, message: bytes) -> bytes:
    """Return a dnstap frame of a message type: 5 a client's query, 6 the response to one."""
    seconds, nanoseconds = int(time), round((time - int(time)) * 1e9)
    address = ip_address(client)
    of_message = [(1, kind), (2, 1 if address.version == 4 else 2), (3, 1), (4, address.packed), (6, 40_000)]
    times = (
        [(8, seconds), (9, nanoseconds), (10, message)]
        if kind % 2
        else [(12, seconds), (13, nanoseconds), (14, message)]
    )
    inner = protobuf([*of_message, *times], fixed=(9, 13))
    return protobuf([(1, b"server"), (2, b"tests"), (15, 1), (14, inner)])
