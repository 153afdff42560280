"""A query as it came: bytes -> the fields that decide about it.

Raises WireError and nothing else; what to answer to an odd but well-formed query is the resolver's business.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import DO, MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD, Flag, Option, Type
from dnsfilter.wire.name import MAX_LABEL, MAX_NAME, escape_label, join_labels, skip_name

HEADER: Final = struct.Struct("!HHHHHH")
RECORD: Final = struct.Struct("!HHIH")
"""Type, class, TTL and RDLENGTH of a resource record, behind its owner name (RFC 1035 section 4.1.3)."""

_QUERY_HEADER: Final = struct.Struct("!HHHIH")
"""The header with the counts of answers and authorities, both 0 in a query, read as one."""

_KEY_FLAGS: Final = [bytes((flags,)) for flags in range(4)]
_CHECKING_DISABLED: Final = int(Flag.CD)
MAX_OPTIONS: Final = 100
"""More EDNS options than anybody has use for: each costs us more than it costs whoever sends it."""

MAX_PARENTS: Final = 10_000
_parents: Final[dict[bytes, str]] = {}
"""Text, with a dot in front, of names in wire form that queries were below of."""

_IXFR: Final = Type.IXFR.to_bytes(2, "big")
_QUESTION_TAIL: Final = struct.Struct("!HH")
_OPTION: Final = struct.Struct("!HH")
_HEADER_SIZE: Final = 12
_NO_OPTIONS: Final[Mapping[int, bytes]] = MappingProxyType({})


class Query:
    """One question with its header and EDNS; without a question where the query is about a cookie.

    `question` is the question section as sent (its case must come back), `name` the canonical
    text of its name; `payload` is the largest UDP response that the client takes
    and that we send; `version` is -1 without EDNS; `key` is all that its answer depends on: name, type, class, DO, CD.
    `options` are the first of each code. Whoever answers decides about the response: `limit` is how long it may be,
    `reply_options` are the EDNS options that it carries, `is_shareable` whether the same octets from others may get it,
    `has_valid_cookie` whether the client proved that the address is its own.
    """

    __slots__ = (
        "do",
        "flags",
        "has_valid_cookie",
        "id",
        "is_shareable",
        "key",
        "limit",
        "name",
        "options",
        "payload",
        "qclass",
        "qtype",
        "question",
        "reply_options",
        "version",
    )

    def __init__(self, message: bytes) -> None:
        if len(message) < _HEADER_SIZE:
            raise WireError("shorter than a header")
        self.id, self.flags, questions, others, additionals = _QUERY_HEADER.unpack_from(message)
        self.payload = self.limit = MIN_UDP_PAYLOAD
        self.version = -1
        self.do = self.has_valid_cookie = False
        self.is_shareable = True
        self.options = _NO_OPTIONS
        self.reply_options = b""
        if questions != 1 or others:
            if questions != 1 or others != 1 or not _is_transfer(message):
                self._read_without_question(message, questions + others, additionals)
                return
            additionals += 1
        self.name, end = _read_name(message)
        self.question = question = message[_HEADER_SIZE : end + 4]
        if len(question) != end + 4 - _HEADER_SIZE:
            raise WireError("message ends inside the question")
        self.qtype, self.qclass = _QUESTION_TAIL.unpack_from(message, end)
        if additionals:
            self._read_additional(message, end + 4, additionals)
        elif len(message) != end + 4:
            raise WireError("octets behind the question")
        self.key = question[:-4].lower() + question[-4:] + _KEY_FLAGS[self.do | (self.flags & _CHECKING_DISABLED) >> 3]

    @property
    def has_edns(self) -> bool:
        """Whether the client sent an OPT record, and so gets one."""
        return self.version >= 0

    def _read_without_question(self, message: bytes, others: int, additionals: int) -> None:
        """Read a query whose client only wants a cookie (RFC 7873 section 5.4)."""
        self.name, self.question, self.key = ".", b"", b""
        self.qtype = self.qclass = 0
        if additionals and not others:
            self._read_additional(message, _HEADER_SIZE, additionals)
        if Option.COOKIE not in self.options:
            raise WireError("a query has one question and no answers")

    def _read_additional(self, message: bytes, offset: int, count: int) -> None:
        for _ in range(count):
            owner = offset
            offset = skip_name(message, offset)
            if offset + RECORD.size > len(message):
                raise WireError("message ends inside a record")
            rtype, rclass, ttl, length = RECORD.unpack_from(message, offset)
            offset += RECORD.size + length
            if offset > len(message):
                raise WireError("message ends inside record data")
            if rtype == Type.OPT:
                if self.has_edns or message[owner]:
                    raise WireError("OPT must be one record, owned by the root")  # RFC 6891 section 6.1.1
                self.payload = self.limit = min(max(rclass, MIN_UDP_PAYLOAD), MAX_UDP_PAYLOAD)
                self.version, self.do = ttl >> 16 & 0xFF, bool(ttl & DO)
                if length:
                    self.options = read_options(message[offset - length : offset])
        if offset != len(message):
            raise WireError("octets behind the last record")


def read_options(octets: bytes) -> dict[int, bytes]:
    """Return EDNS options by code, of each code the first; WireError where they overrun their record.

    Of cookies the first counts (RFC 7873 section 5.2), and nothing else that we answer may come twice.
    """
    options: dict[int, bytes] = {}
    offset, end = 0, len(octets)
    for _ in range(MAX_OPTIONS + 1):
        if offset == end:
            return options
        start = offset + _OPTION.size
        if start > end:
            raise WireError("OPT ends inside an option")
        code, length = _OPTION.unpack_from(octets, offset)
        offset = start + length
        if offset > end:
            raise WireError("OPT ends inside an option")
        options.setdefault(code, octets[start:offset])
    raise WireError(f"OPT has more than {MAX_OPTIONS} options")


def _read_name(message: bytes) -> tuple[str, int]:
    """Return the canonical text of the question's name and where it ends.

    Names share their parents: a parent that was read before is known by its octets, which end at the first root label.
    """
    end = message.find(0, _HEADER_SIZE) + 1
    first = message[_HEADER_SIZE] if end else 0
    start = _HEADER_SIZE + 1 + first
    parent = _parents.get(message[start:end]) if start < end else None
    if parent is not None and first <= MAX_LABEL and end - _HEADER_SIZE <= MAX_NAME:
        return escape_label(message[_HEADER_SIZE + 1 : start]) + parent, end
    labels, end = _read_labels(message)
    if len(labels) > 1:
        if len(_parents) >= MAX_PARENTS:
            _parents.clear()
        _parents[message[start:end]] = "." + join_labels(labels[1:])
    return join_labels(labels), end


def _is_transfer(message: bytes) -> bool:
    """Whether a query with one authority record asks for a zone's changes since then (RFC 1995 section 3)."""
    end = _read_labels(message)[1]
    return message[end : end + 2] == _IXFR


def _read_labels(message: bytes) -> tuple[list[bytes], int]:
    """Return the labels of the question's name and where it ends; the first name can have no pointer to go back to."""
    labels: list[bytes] = []
    offset = _HEADER_SIZE
    try:
        while size := message[offset]:
            if size > MAX_LABEL:
                raise WireError(f"label type {size:#x} in the question")
            following = offset + 1 + size
            labels.append(message[offset + 1 : following])
            offset = following
    except IndexError:
        raise WireError("message ends inside the question") from None
    if offset + 1 - _HEADER_SIZE > MAX_NAME:
        raise WireError(f"question name longer than {MAX_NAME} octets")
    return labels, offset + 1
