"""Messages that are as much work as their size allows, up to 64 KB: what a parser that trusts them would choke on."""

import struct

HEADER = struct.Struct("!6H")
MAX_MESSAGE = 65_535
QUESTION = b"\3www\7example\0\0\1\0\1"
BEHIND_QUESTION = HEADER.size + len(QUESTION)
POINTER_TO_QNAME = b"\xc0\x0c"
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, SVCB, HTTPS = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 64, 65
_IN = 1


def query(*records: bytes, name: bytes = QUESTION, questions: int = 1, count: int | None = None) -> bytes:
    """Return a query with additional records; `count` is how many it claims."""
    return HEADER.pack(1, 0x0100, questions, 0, 0, len(records) if count is None else count) + name + b"".join(records)


def response(
    answers: bytes = b"",
    count: int = 0,
    *,
    authorities: tuple[bytes, int] = (b"", 0),
    additionals: tuple[bytes, int] = (b"", 0),
) -> bytes:
    """Return a response to QUESTION with records already in wire form, cut to what one message can hold."""
    (second, authority_count), (third, additional_count) = authorities, additionals
    head = HEADER.pack(1, 0x8180, 1, count, authority_count, additional_count)
    message = head + QUESTION + answers + second + third
    assert len(message) <= MAX_MESSAGE
    return message


def record(rtype: int, data: bytes, owner: bytes = POINTER_TO_QNAME, ttl: int = 300) -> bytes:
    """Return a record."""
    return owner + struct.pack("!HHIH", rtype, _IN, ttl, len(data)) + data


def long_name(octet: bytes = b"a") -> bytes:
    """Return the name of 255 octets with the most labels, 127."""
    return (b"\1" + octet) * 127 + b"\0"


def fill(item: bytes, used: int = BEHIND_QUESTION) -> tuple[bytes, int]:
    """Return as many copies of a record as a message holds behind what is used already, and how many they are."""
    count = min((MAX_MESSAGE - used) // len(item), 65_535)
    return item * count, count


def point(offset: int) -> bytes:
    """Return a compression pointer."""
    return (0xC000 | offset).to_bytes(2, "big")


def many_leading_to(rtype: int, prefix: bytes = b"", name: bytes = b"") -> bytes:
    """Return a response whose records all lead, through pointers, to one long name in the first of them."""
    first = record(rtype, prefix + (name or long_name()))
    place = BEHIND_QUESTION + len(first) - len(name or long_name())
    rest, count = fill(record(rtype, prefix + point(place)), BEHIND_QUESTION + len(first))
    return response(first + rest, count + 1)


def many_names(name: bytes, octet: int, limit: int = 2**16) -> bytes:
    """Return a response of CNAMEs to as many different names as fit, alike but for two octets of the first label."""
    names = [name[:octet] + bytes([97 + high, 97 + low]) + name[octet + 2 :] for high in range(26) for low in range(26)]
    count = min(MAX_MESSAGE // (len(name) + 12), limit)
    return response(b"".join(record(CNAME, names[index % len(names)]) for index in range(count - 1)), count - 1)


def pointer_chain(length: int) -> bytes:
    """Return a response whose records all lead to the end of a chain of pointers as long as is followed."""
    first = BEHIND_QUESTION + 12
    links = [point(12)] + [point(first + 2 * index) for index in range(length - 2)]
    head = record(TXT, b"".join(links))
    rest, count = fill(record(CNAME, point(first + 2 * (length - 2))), BEHIND_QUESTION + len(head))
    return response(head + rest, count + 1)


def _option(code: int, data: bytes = b"") -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def _opt(options: bytes) -> bytes:
    return b"\0" + struct.pack("!HHIH", OPT, 1232, 0, len(options)) + options


_TWO = struct.Struct("!H").pack
_ROOM = MAX_MESSAGE - BEHIND_QUESTION - 11
_TINY_QUESTIONS = (MAX_MESSAGE - HEADER.size) // 5

QUERIES = {
    "4,600 records owned through a pointer by a name of 127 labels": query(
        fill(record(A, b"\1\2", point(12)), HEADER.size + 259)[0],
        name=long_name() + b"\0\1\0\1",
        count=fill(record(A, b"\1\2", point(12)), HEADER.size + 259)[1],
    ),
    "65,535 questions": query(name=b"\0\0\1\0\1" * _TINY_QUESTIONS, questions=65_535),
    "5,900 records of the root": query(fill(record(TXT, b"", b"\0"))[0], count=fill(record(TXT, b"", b"\0"))[1]),
    "16,000 options": query(_opt(_option(65_001) * (_ROOM // 4))),
    "16,000 times NSID": query(_opt(_option(3) * (_ROOM // 4))),
    "5,000 cookies": query(_opt(_option(10, bytes(8)) * (_ROOM // 12))),
    "8,000 client subnets": query(_opt(_option(8, b"\0\1\0\0") * (_ROOM // 8))),
    "64 KB of padding": query(_opt(_option(12, bytes(_ROOM - 4)))),
    "a name of 127 labels that are no letters": query(name=long_name(b"\xff") + b"\0\1\0\1"),
    "an owner of 32,000 labels": query((b"\1a" * 32_700) + b"\0" + record(A, b"", b""), count=1),
    "a question that points at itself": query(name=point(12) + b"\0\1\0\1"),
    "a question of 64 KB": query(name=b"\x3f" * (MAX_MESSAGE - HEADER.size)),
}
"""Queries, by what is wrong with them."""

RESPONSES = {
    "CNAMEs to one name of 127 labels": many_leading_to(CNAME),
    "CNAMEs to one name of octets that are no letters": many_leading_to(CNAME, name=long_name(b"\xff")),
    "MX to one name": many_leading_to(MX, b"\0\1"),
    "SRV to one name": many_leading_to(SRV, b"\0\1\0\1\0\1"),
    "HTTPS to one name": many_leading_to(HTTPS, b"\0\1"),
    "CNAMEs to the question": response(*fill(record(CNAME, POINTER_TO_QNAME))),
    "CNAMEs to the root": response(*fill(record(CNAME, b"\0"))),
    "CNAMEs to names of two labels": response(*fill(record(CNAME, b"\1a\1b\0"))),
    "CNAMEs to two hundred names of 125 labels": many_names(b"\3aaa" + long_name()[4:], 1),
    "CNAMEs to names of one label": many_names(b"\2aa\0", 1),
    "CNAMEs to names of two labels of a list": many_names(b"\2aa\6tiktok\3com\0", 1),
    "CNAMEs through chains of pointers": pointer_chain(15),
    "CNAMEs through chains of pointers that are too long": pointer_chain(16),
    "addresses": response(*fill(record(A, b"\xc6\x33\x64\1"))),
    "addresses of IPv6": response(*fill(record(AAAA, bytes(15) + b"\1"))),
    "TXT without data": response(*fill(record(TXT, b""))),
    "one TXT of 64 KB": response(record(TXT, b"\xff" * (MAX_MESSAGE - BEHIND_QUESTION - 12)), 1),
    "SVCB with a thousand parameters": response(
        record(SVCB, b"\0\1\0" + b"".join(struct.pack("!HH", key, 0) for key in range(16_000))), 1
    ),
    "HTTPS with 16,000 hints": response(
        record(HTTPS, b"\0\1\0" + struct.pack("!HH", 4, 64_000) + b"\xc6\x33\x64\1" * 16_000), 1
    ),
    "HTTPS with 4,000 hints of a list's prefix": response(
        record(
            HTTPS, b"\0\1\0" + struct.pack("!HH", 4, 16_000) + b"".join(b"\xc6\x33" + _TWO(i) for i in range(4_000))
        ),
        1,
    ),
    "addresses of a list's prefix": response(b"".join(record(A, b"\xc6\x33" + _TWO(i)) for i in range(4_000)), 4_000),
    "HTTPS of 2,000 records with hints": response(*fill(record(HTTPS, b"\0\1\0\0\4\0\4\xc6\x33\x64\1"))),
    "an authority section of SOAs": response(authorities=fill(record(SOA, b"\0\0" + bytes(20)))),
    "an authority section of name servers": response(authorities=fill(record(NS, POINTER_TO_QNAME))),
    "additional addresses": response(additionals=fill(record(A, b"\xc6\x33\x64\1"))),
    "owners of 127 labels": response(*fill(record(A, b"\xc6\x33\x64\1", long_name()))),
    "an OPT full of options": response(additionals=(_opt(_option(15, b"\0\x0f") * (_ROOM // 6)), 1)),
    "65,535 answers that are not there": response(record(A, b"\1\2\3\4"), 65_535),
}
"""Responses to QUESTION, by what is in them."""
