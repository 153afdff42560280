"""Responses: those we build, and those an upstream sent.

An upstream's response is kept as the bytes behind its question; compression pointers in them stay valid as long as the
question in front has the same length, which it has: it is the client's own.
"""

import struct
from collections.abc import Sequence
from typing import Final

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import Class, Flag, Rcode, Type
from dnsfilter.wire.name import read_name, skip_name, to_text
from dnsfilter.wire.opt import build_opt
from dnsfilter.wire.query import HEADER, RECORD, Query
from dnsfilter.wire.svcb import SERVICES, Key, read_hints, read_params

MAX_TARGETS_SIZE: Final = 65_535
"""How many octets the names that an answer leads to may have: all that a message without compression could hold."""

TARGET_PRICE: Final = 32
"""How many octets each of them counts beyond its own, for to judge a short name is work as well."""

HINT_PRICE: Final = 16
"""How many octets an address in a service binding counts: as many as the record of one has."""

POINTER_TO_QNAME: Final = b"\xc0\x0c"
"""A compression pointer to the question's name, which always stands behind the header."""

_HEADER_SIZE: Final = 12
_TTL: Final = struct.Struct("!I")
_unpack_ttl: Final = _TTL.unpack_from
_LENGTH: Final = struct.Struct("!H")
_SOA_TIMES: Final = struct.Struct("!IIIII")
_SOA_NAMES: Final = b"\x09dnsfilter\x07invalid\0" + b"\x0ahostmaster\x09dnsfilter\x07invalid\0"
_MAX_TTL: Final = 0x7FFFFFFF
_ANY_TTL: Final = 3600
_TARGET_OFFSETS: Final = {5: 0, 39: 0, 15: 2, 33: 6, 64: 2, 65: 2}
"""Where in the data of CNAME, DNAME, MX, SRV, SVCB and HTTPS records the name they lead to stands."""

_ADDRESS_SIZES: Final = {int(Type.A): 4, int(Type.AAAA): 16}
_SOA, _OPT = int(Type.SOA), int(Type.OPT)
_SERVFAIL: Final = int(Rcode.SERVFAIL)
_ADDRESS_SIZES_OF: Final = {rtype.to_bytes(2, "big"): size for rtype, size in _ADDRESS_SIZES.items()}
_RDATA_OFFSET: Final = _TTL.size + 2
MAX_SHAPES: Final = 10_000
MAX_SHARED: Final = 8
_shapes: Final[dict[tuple[int, ...], tuple[int, ...]]] = {}
_single_prefixes: Final[dict[bytes, tuple[bytes, ...]]] = {}
_POINTER: Final = 0xC0
_RECORD_SIZE: Final = RECORD.size
_unpack_header: Final = HEADER.unpack_from
_unpack_record: Final = RECORD.unpack_from
_COPIED: Final = int(Flag.RD | Flag.CD)
_RESPONSE: Final = int(Flag.QR | Flag.RA)


class Records:
    """The sections behind the question: counts, bytes, and where in them TTLs stand (offsets relative to `body`)."""

    __slots__ = ("answers", "authorities", "additionals", "body", "ttls")  # noqa: RUF023 - the order of a message

    def __init__(
        self,
        answers: int = 0,
        authorities: int = 0,
        additionals: int = 0,
        body: bytes = b"",
        ttls: tuple[int, ...] = (),
    ) -> None:
        self.answers = answers
        self.authorities = authorities
        self.additionals = additionals
        self.body = body
        self.ttls = ttls

    def aged(self, seconds: int) -> bytes:
        """Return the body with every TTL reduced, at least to 0."""
        if not seconds:
            return self.body
        body = bytearray(self.body)
        for offset in self.ttls:
            _TTL.pack_into(body, offset, max(_TTL.unpack_from(body, offset)[0] - seconds, 0))
        return bytes(body)

    def with_ttl(self, ttl: int) -> bytes:
        """Return the body with every TTL set to `ttl` seconds."""
        body = bytearray(self.body)
        for offset in self.ttls:
            _TTL.pack_into(body, offset, ttl)
        return bytes(body)

    def bound_ttls(self, floor: int, ceiling: int) -> None:
        """Bring every TTL within these bounds; one beyond 31 bits means 0 (RFC 2181 section 8)."""
        for offset in self.ttls:
            ttl = _unpack_ttl(self.body, offset)[0]
            if not floor <= ttl <= ceiling:
                self._bound_all(floor, ceiling)
                return

    def _bound_all(self, floor: int, ceiling: int) -> None:
        body = bytearray(self.body)
        for offset in self.ttls:
            ttl = _unpack_ttl(body, offset)[0]
            _TTL.pack_into(body, offset, max(min(ttl, ceiling), floor) if ttl <= _MAX_TTL else 0)
        self.body = bytes(body)


NO_RECORDS: Final = Records()


def build_response(
    query: Query,
    rcode: int,
    records: Records = NO_RECORDS,
    *,
    body: bytes | None = None,
    flags: int = 0,
    errors: Sequence[bytes] = (),
) -> bytes:
    """Build a response to `query`; OPT only when asked for (RFC 6891 section 6.1.1).

    `errors` are what `build_opt` takes.
    """
    if body is None:
        body = records.body
    opt = build_opt(query, rcode, len(body), errors) if query.version >= 0 else b""
    return b"".join(
        (
            HEADER.pack(
                query.id,
                _RESPONSE | query.flags & _COPIED | flags | rcode & 0xF,
                1 if query.question else 0,
                records.answers,
                records.authorities,
                records.additionals + bool(opt),
            ),
            query.question,
            body,
            opt,
        )
    )


def build_truncated(query: Query, rcode: int, flags: int) -> bytes:
    """Build the response that makes a client come back over TCP: no records, so that nothing partial is used."""
    return build_response(query, rcode, flags=flags | Flag.TC)


def build_header(message: bytes, rcode: Rcode) -> bytes | None:
    """Build a response of only a header to a message that is no query we understand; None where even that is unsafe.

    A response is never answered (that would make loops), nor anything too short to carry an ID.
    """
    if len(message) < _HEADER_SIZE or message[2] & 0x80:
        return None
    identifier, flags = HEADER.unpack_from(message)[:2]
    return HEADER.pack(identifier, Flag.QR | flags & 0x7800 | flags & _COPIED | rcode, 0, 0, 0, 0)


def build_address(rtype: int, packed: bytes, ttl: int) -> Records:
    """Build the answer that maps the question's name to an address of 4 or 16 octets."""
    return Records(1, body=POINTER_TO_QNAME + RECORD.pack(rtype, Class.IN, ttl, len(packed)) + packed)


def build_text(text: str, rclass: int, ttl: int) -> Records:
    """Build the answer that is one TXT record of one string, at most 255 octets."""
    string = text.encode()
    rdata = bytes((len(string),)) + string
    return Records(1, body=POINTER_TO_QNAME + RECORD.pack(Type.TXT, rclass, ttl, len(rdata)) + rdata)


def build_minimal_any() -> Records:
    """Build the answer to qtype ANY: one synthesized HINFO instead of all that there is (RFC 8482 section 4.2)."""
    rdata = b"\x07RFC8482\0"
    return Records(1, body=POINTER_TO_QNAME + RECORD.pack(Type.HINFO, Class.IN, _ANY_TTL, len(rdata)) + rdata)


def build_soa(ttl: int, *, owner: bytes = POINTER_TO_QNAME) -> Records:
    """Build the authority section of a negative answer that lives `ttl` seconds (RFC 2308 section 5)."""
    rdata = _SOA_NAMES + _SOA_TIMES.pack(1, 3600, 600, 86400, ttl)
    return Records(authorities=1, body=owner + RECORD.pack(Type.SOA, Class.IN, ttl, len(rdata)) + rdata)


def parent_pointer(query: Query) -> bytes:
    """Return a compression pointer to the name above the question's, the root where there is none."""
    first = query.question[0]
    return (0xC000 | _HEADER_SIZE + 1 + first).to_bytes(2, "big") if first else b"\0"


class Answer(Records):
    """An upstream's response, checked: what is passed on, what the policy looks at, how long it lives.

    `flags` are the low octet of the header's; `targets` are canonical names that the answer leads to, `hints` the
    addresses (packed) in service bindings, `prefixes` the first two octets of all addresses that it gives; `has_ech`
    says whether a service binding lets clients encrypt whom they ask for, `is_plain` whether every answer is owned by a
    pointer to the question and none is an alias, `longest_ttl` what no TTL of any section is above.
    `ttl` is in seconds, and negative answers live as long as their SOA says (RFC 2308 section 5), 0 where they have
    none. Of the additional section only what stands before OPT is kept: OPT is between us and the upstream, and what
    follows it is optional data whose removal leaves every compression pointer valid. A SERVFAIL has no data. `stored`,
    `expires` (seconds of the caller's clock), `is_wanted`, `is_renewed` (another was asked for) and `is_general` (a
    denial for any name) are the cache's.
    """

    __slots__ = (
        "expires",
        "flags",
        "has_ech",
        "hints",
        "is_general",
        "is_negative",
        "is_plain",
        "is_renewed",
        "is_wanted",
        "longest_ttl",
        "prefixes",
        "rcode",
        "stored",
        "targets",
        "ttl",
    )
    targets: Sequence[str]
    hints: Sequence[bytes]
    prefixes: tuple[bytes, ...]
    longest_ttl: int

    def __init__(self, message: bytes, question_size: int, now: float) -> None:
        """WireError where the message is malformed, or its response code is about our asking and not the answer."""
        self.stored = self.expires = now
        self.is_wanted = self.is_renewed = self.is_general = self.has_ech = False
        self.is_plain = True
        self.hints = ()
        start = _HEADER_SIZE + question_size
        ttls: list[int] = []
        try:
            _, flags, questions, answers, authorities, additionals = _unpack_header(message)
            offset, least = self._read_answers(message, start, answers, ttls)
            negative = -1
            for index in range(authorities + additionals):
                name_end = offset + 2 if message[offset] >= _POINTER else skip_name(message, offset)
                rtype, _, ttl, length = _unpack_record(message, name_end)
                if rtype == _OPT and index >= authorities:
                    if message[name_end + 4]:
                        raise WireError("the extended response code is about our query")  # RFC 6891 section 6.1.3
                    additionals = index - authorities
                    break
                offset = name_end + _RECORD_SIZE + length
                if rtype == _SOA and index < authorities:
                    negative = _negative_ttl(message, ttl, offset - length, offset)
                self.longest_ttl = max(self.longest_ttl, ttl)
                ttls.append(name_end + 4 - start)
        except (IndexError, struct.error):
            raise WireError("message ends inside a record") from None
        if questions != 1 or offset > len(message):
            raise WireError("message ends inside record data, or does not repeat one question")
        self.answers, self.authorities, self.additionals = answers, authorities, additionals
        self.body, self.ttls = message[start:offset], _share(tuple(ttls))
        self.flags = flags & 0xFF
        self.rcode = rcode = flags & 0xF
        if rcode == _SERVFAIL:
            self._forget_data()
        self.is_negative = negative >= 0 or rcode != 0 or not answers
        self.ttl = min(least, max(negative, 0)) if self.is_negative else least

    @property
    def addresses(self) -> list[bytes]:
        """The addresses (packed) that the answer gives, hints of service bindings included."""
        return [*self._find_addresses(self.ttls[: self.answers]), *self.hints]

    @property
    def glue(self) -> list[bytes]:
        """The addresses in the additional section."""
        return self._find_addresses(self.ttls[self.answers + self.authorities :])

    def _find_addresses(self, ttls: Sequence[int]) -> list[bytes]:
        """Return addresses of records by where their TTLs stand: kept for each answer they would take as much again."""
        body, found = self.body, []
        for offset in ttls:
            size = _ADDRESS_SIZES_OF.get(body[offset - _TTL.size : offset - 2])
            rdata = offset + _RDATA_OFFSET
            if size and body[rdata - 1] == size and not body[rdata - 2]:
                found.append(body[rdata : rdata + size])
        return found

    def without_additionals(self) -> Records:
        """Return the answer without its additional section, which is optional data at the end."""
        kept = self.answers + self.authorities
        end = self.ttls[kept - 1] + _TTL.size if kept else 0
        if kept:
            end += _LENGTH.size + _LENGTH.unpack_from(self.body, end)[0]
        return Records(self.answers, self.authorities, 0, self.body[:end], self.ttls[:kept])

    def discard(self) -> None:
        """Make a failure of it: what it holds is no answer to the question."""
        self._forget_data()
        self.rcode, self.flags, self.is_negative, self.ttl = _SERVFAIL, _SERVFAIL, True, 0

    def _forget_data(self) -> None:
        """Leave nothing of a failure to be used: a validator may have called it bogus, a rule would hide that."""
        self.answers = self.authorities = self.additionals = 0
        self.body, self.ttls = b"", ()
        self.targets = self.hints = self.prefixes = ()
        self.has_ech = False

    def _read_answers(self, message: bytes, start: int, count: int, ttls: list[int]) -> tuple[int, int]:
        """Read the answer section; return where it ends and its smallest TTL."""
        targets: list[str] = []
        prefixes: list[bytes] = []
        offset, least, most, room = start, _MAX_TTL, 0, MAX_TARGETS_SIZE
        for _ in range(count):
            name_end = offset + 2
            if message[offset:name_end] != POINTER_TO_QNAME:
                self.is_plain = False
                if message[offset] < _POINTER:
                    name_end = skip_name(message, offset)
            rtype, _, ttl, length = _unpack_record(message, name_end)
            rdata = name_end + _RECORD_SIZE
            offset = rdata + length
            if ttl < least:  # noqa: PLR1730 - a call costs more, for every record of every answer
                least = ttl
            if ttl > most:  # noqa: PLR1730
                most = ttl
            if rtype in _ADDRESS_SIZES:
                if length != _ADDRESS_SIZES[rtype]:
                    raise WireError("an address of the wrong length")
                prefixes.append(message[rdata : rdata + 2])
            elif rtype in _TARGET_OFFSETS:
                self.is_plain = False
                target = self._read_target(message, rdata, offset, rtype)
                room -= len(target) + TARGET_PRICE
                if room < HINT_PRICE * len(self.hints):
                    raise WireError("more names and hints than a message without compression could hold")
                targets.append(to_text(target))
            ttls.append(name_end + 4 - start)
        self.targets, self.longest_ttl = tuple(targets), most
        self.prefixes = _share_prefixes(prefixes, self.hints)
        return offset, least if most <= _MAX_TTL else 0  # RFC 2181 section 8

    def _read_target(self, message: bytes, rdata: int, end: int, rtype: int) -> bytes:
        """Return the name that record data leads to, having read what stands behind it."""
        target, offset = _read_name_within(message, rdata + _TARGET_OFFSETS[rtype], end)
        if offset != end:
            self._read_rest(message[offset:end], rtype)
        return target

    def _read_rest(self, data: bytes, rtype: int) -> None:
        """Read what stands behind the name in record data: the parameters of a service binding, else nothing may."""
        if rtype not in SERVICES:
            raise WireError("record data longer than its name")
        params = read_params(data)
        self.hints = [*self.hints, *read_hints(params)]
        self.has_ech |= Key.ECH in params


def _share(offsets: tuple[int, ...]) -> tuple[int, ...]:
    """Return the same tuple for equal ones: most answers look alike."""
    if len(_shapes) >= MAX_SHAPES:
        _shapes.clear()
    return _shapes.setdefault(offsets, offsets) if len(offsets) <= MAX_SHARED else offsets


def _share_prefixes(prefixes: list[bytes], hints: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the different ones among these and those of some addresses; for a single one the same tuple always."""
    if len(prefixes) == 1 and not hints:
        return _single_prefixes.get(prefixes[0]) or _single_prefixes.setdefault(prefixes[0], (prefixes[0],))
    return tuple({*prefixes, *(hint[:2] for hint in hints)})


def _negative_ttl(message: bytes, ttl: int, rdata: int, end: int) -> int:
    """Return how long a negative answer with this SOA lives (RFC 2308 section 5)."""
    if end - rdata < _SOA_TIMES.size:
        raise WireError("SOA too short")
    if ttl > _MAX_TTL:
        return 0  # RFC 2181 section 8
    return int(min(ttl, _SOA_TIMES.unpack_from(message, end - _SOA_TIMES.size)[4]))


def _read_name_within(message: bytes, offset: int, limit: int) -> tuple[bytes, int]:
    if offset >= limit:
        raise WireError("record data too short for a name")
    name, end = read_name(message, offset)
    if end > limit:
        raise WireError("name overruns its record data")
    return name, end
