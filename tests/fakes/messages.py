"""Messages as others write them: built by dnslib, the codec that shares no line with ours, and strategies for tests."""

import struct
from collections.abc import Callable, Iterable, Sequence
from random import Random

from dnslib import EDNS0, QTYPE, RR, DNSBuffer, DNSHeader, DNSLabel, DNSQuestion, DNSRecord, EDNSOption
from hypothesis import strategies as st

PLAIN_LABELS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=12).map(
    str.encode
)
ANY_LABELS = st.binary(min_size=1, max_size=63)
TEXT_LABELS = st.text(st.characters(max_codepoint=0x2FF), min_size=1, max_size=30).map(str.encode)
MAX_DNSLIB_NAME = 240
"""dnslib refuses names in whose text, escapes not counted, are more than 253 characters."""


def _fits(labels: Sequence[bytes]) -> bool:
    return sum(len(label) + 1 for label in labels) < MAX_DNSLIB_NAME


PLAIN_NAMES = st.lists(PLAIN_LABELS, max_size=5).map(tuple)
NAMES = st.lists(PLAIN_LABELS | ANY_LABELS, max_size=5).map(tuple).filter(_fits)
TEXT_NAMES = st.lists(PLAIN_LABELS | TEXT_LABELS, max_size=5).map(tuple).filter(_fits)
"""Names that dnslib reads: it takes only labels that are UTF-8."""


def to_wire(labels: Iterable[bytes]) -> bytes:
    """Return labels in wire form."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def edns(payload: int = 1232, version: int = 0, *, do: bool = False, options: Sequence[tuple[int, bytes]] = ()) -> RR:
    """Return an OPT record."""
    flags = "do" if do else ""
    return EDNS0(flags=flags, version=version, udp_len=payload, opts=[EDNSOption(*option) for option in options])


def ask(
    name: str | Sequence[bytes],
    qtype: str | int = "A",
    *,
    identifier: int = 0x1234,
    flags: int = 0x0100,
    qclass: int = 1,
    opt: RR | None = None,
) -> bytes:
    """Return a query as a client sends it."""
    number = qtype if isinstance(qtype, int) else getattr(QTYPE, qtype)
    header = DNSHeader(id=identifier, bitmap=flags)
    label = DNSLabel(name if isinstance(name, str) else list(name))
    record = DNSRecord(header, q=DNSQuestion(label, number, qclass))
    if opt is not None:
        record.add_ar(opt)
    return bytes(record.pack())


def respond(
    query: bytes,
    answers: Iterable[str | RR] = (),
    authorities: Iterable[str | RR] = (),
    additionals: Iterable[str | RR] = (),
    *,
    rcode: int = 0,
    opt: bool = True,
    flags: int = 0x8180,
) -> bytes:
    """Return an upstream's response to a query; records as text in presentation form or built."""
    asked = DNSRecord.parse(query)
    record = DNSRecord(DNSHeader(id=asked.header.id, bitmap=flags | rcode), q=asked.q)
    for rr in _records(answers):
        record.add_answer(rr)
    for rr in _records(authorities):
        record.add_auth(rr)
    for rr in _records(additionals):
        record.add_ar(rr)
    if opt:
        record.add_ar(edns())
    return bytes(record.pack())


def _records(records: Iterable[str | RR]) -> Iterable[RR]:
    for record in records:
        if isinstance(record, str):
            yield from RR.fromZone(record)
        else:
            yield record


def parse(message: bytes) -> DNSRecord:
    """Read a response by the other codec; it must end where the codec ends."""
    record = DNSRecord.parse(message)
    buffer = DNSBuffer(message)
    header = DNSHeader.parse(buffer)
    for _ in range(header.q):
        DNSQuestion.parse(buffer)
    for _ in range(header.a + header.auth + header.ar):
        RR.parse(buffer)
    assert buffer.remaining() == 0
    return record


def extended_errors(record: DNSRecord) -> list[tuple[int, str]]:
    """Return codes and texts of the extended errors of a response (RFC 8914)."""
    options = [option for rr in record.ar if rr.rtype == QTYPE.OPT for option in rr.rdata if option.code == 15]
    return [(struct.unpack("!H", option.data[:2])[0], option.data[2:].decode()) for option in options]


def opts(record: DNSRecord) -> list[RR]:
    """Return the OPT records of a message."""
    return [rr for rr in record.ar if rr.rtype == QTYPE.OPT]


def mutate(random: Random, message: bytes) -> bytes:
    """Return a message with octets changed, removed, repeated, cut off or appended."""
    packet = bytearray(message)
    for _ in range(random.randint(1, 5)):
        position = random.randrange(len(packet) + 1)
        _MUTATIONS[random.randrange(len(_MUTATIONS))](random, packet, position)
        if not packet:
            break
    return bytes(packet)


def _flip(random: Random, packet: bytearray, position: int) -> None:
    if position < len(packet):
        packet[position] ^= 1 << random.randrange(8)


def _replace(random: Random, packet: bytearray, position: int) -> None:
    packet[position : position + 1] = bytes([random.choice([0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xC0, 0xFF])])


def _point(random: Random, packet: bytearray, position: int) -> None:
    packet[position : position + 2] = struct.pack("!H", 0xC000 | random.randrange(min(len(packet) + 4, 0x3FFF)))


def _remove(random: Random, packet: bytearray, position: int) -> None:
    del packet[position : position + random.randint(1, 4)]


def _repeat(random: Random, packet: bytearray, position: int) -> None:
    packet[position:position] = packet[position : position + random.randint(1, 20)]


def _cut(random: Random, packet: bytearray, position: int) -> None:
    del packet[position:]
    packet += random.randbytes(random.choice([0, 0, 1, 11]))


_MUTATIONS: list[Callable[[Random, bytearray, int], None]] = [
    _flip,
    _flip,
    _replace,
    _replace,
    _point,
    _remove,
    _repeat,
    _cut,
]
