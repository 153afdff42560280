"""Five thousand queries of every kind, always the same: types, classes, flags, EDNS, transports, and odd names."""

import random
import struct
from dataclasses import dataclass

COUNT = 5000
_TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28}
_TYPES |= {"SRV": 33, "NAPTR": 35, "DNAME": 39, "DS": 43, "DNSKEY": 48, "SVCB": 64, "HTTPS": 65, "ANY": 255, "CAA": 257}
_TYPES |= {"TYPE0": 0, "OPT": 41, "TYPE1000": 1000, "TYPE65280": 65_280, "MAILA": 254, "AXFR": 252, "IXFR": 251}
_TYPES |= {"MAILB": 253, "TKEY": 249, "TSIG": 250, "RRSIG": 46}
_CLASSES = {"IN": 1, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255}
_FLAGS = {"RD": 0x0100, "AD": 0x0120, "CD": 0x0110, "AD CD": 0x0130, "no RD": 0, "TC": 0x0300, "AA RA Z": 0x05C0}
NAMES = """
www.example alias.example chain.example mail.example long.example sixty.example service.example
a.wild.example b.c.wild.example under.ent.example ent.example dname.example below.dname.example
loop.example absent.example a.absent.example deep.a.b.c.d.e.f.example dangling.example example
nowhere . _443._tcp.example localhost a.localhost printer.home.arpa secret.onion a.test a.invalid
4.3.2.10.in-addr.arpa 1.0.0.127.in-addr.arpa resolver.arpa _dns.resolver.arpa
10.2.0.192.in-addr.arpa version.bind
"""
ODD = [
    (b"a.b", b"example"),
    (b"with space", b"example"),
    (b"\0nul\0", b"example"),
    (b"\xff\xfe\x80", b"example"),
    (b'"quote\\', b"example"),
    (b"<img src=x>", b"example"),
    (b"line\r\nbreak", b"example"),
    (b"\x1b[31mred", b"example"),
    (b"x" * 63, b"example"),
    (*[b"y" * 63] * 3, b"z" * 53, b"example"),
    (*[b"n"] * 120, b"example"),
    (b"*", b"wild", b"example"),
    ("bücher".encode(), b"example"),
    (b"_", b"example"),
    (b"-", b"example"),
    (b"@", b"example"),
]
_OPTIONS = {"": b"", "unknown": b"\xfd\xe9\0\1x", "NSID": b"\0\3\0\0", "padding": b"\0\x0c\0\4\0\0\0\0"}
_OPTIONS |= {"ECS": b"\0\x08\0\7\0\1\x18\0\xc0\0\2", "expire": b"\0\x09\0\0", "keepalive": b"\0\x0b\0\0"}


@dataclass(frozen=True)
class Question:
    """A query and, in the words of the table of differences, what is special about it."""

    message: bytes
    transport: str
    name: str
    type: str
    rclass: str
    flags: str
    edns: str
    option: str


def make_questions() -> list[Question]:
    """Return the queries."""
    source = random.Random(8906)
    return [_make(source, index) for index in range(COUNT)]


def _make(source: random.Random, index: int) -> Question:
    is_odd = source.random() < 0.2
    labels = (
        source.choice(ODD)
        if is_odd
        else tuple(label.encode() for label in source.choice(NAMES.split()).split(".") if label)
    )
    if source.random() < 0.2:
        labels = tuple(_spell(source, label) for label in labels)
    rtype = source.choice(list(_TYPES)) if source.random() < 0.6 else source.choice(["A", "AAAA", "HTTPS"])
    rclass = source.choice(list(_CLASSES)) if source.random() < 0.1 else "IN"
    flags = source.choice(list(_FLAGS)) if source.random() < 0.4 else "RD"
    edns = source.choice(["", "0", "512", "1232", "4096", "65535", "DO", "version 1", "version 200"])
    option = source.choice(list(_OPTIONS)) if edns and source.random() < 0.5 else ""
    opt = _make_opt(edns, _OPTIONS[option]) if edns else b""
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = struct.pack("!6H", index, _FLAGS[flags], 1, 0, 0, bool(opt))
    message = header + name + struct.pack("!HH", _TYPES[rtype], _CLASSES[rclass]) + opt
    transport = "tcp" if source.random() < 0.2 else "udp"
    text = "odd" if is_odd else b".".join(labels).decode().lower() or "."
    return Question(message, transport, text, rtype, rclass, flags, edns, option)


def _make_opt(edns: str, options: bytes) -> bytes:
    payload = int(edns) if edns.isdigit() else 1232
    version = int(edns.removeprefix("version ")) if edns.startswith("version") else 0
    return b"\0" + struct.pack("!HHBBHH", 41, payload, 0, version, 0x8000 * (edns == "DO"), len(options)) + options


def _spell(source: random.Random, label: bytes) -> bytes:
    return bytes(source.choice([octet, octet ^ 0x20]) if bytes([octet]).isalpha() else octet for octet in label)
