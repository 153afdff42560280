"""A query as it came: bytes -> the fields that decide about it.

Raises WireError and nothing else; what to answer to an odd but well-formed query is the resolver's business.
"""

import struct

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import DO, MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD, Flag, Type
from dnsfilter.wire.name import MAX_LABEL, MAX_NAME, escape_label, join_labels, skip_name

HEADER = struct.Struct("!HHHHHH")
RECORD = struct.Struct("!HHIH")
"""Type, class, TTL and RDLENGTH of a resource record, behind its owner name (RFC 1035 section 4.1.3)."""

_QUERY_HEADER = struct.Struct("!HHHIH")
"""The header with the counts of answers and authorities, both 0 in a query, read as one."""

_KEY_FLAGS = [bytes((flags,)) for flags in range(4)]
_CHECKING_DISABLED = int(Flag.CD)
MAX_PARENTS = 10_000
_parents: dict[bytes, str] = {}
"""Text, with a dot in front, of names in wire form that queries were below of."""

_QUESTION_TAIL = struct.Struct("!HH")
_OPTION = struct.Struct("!HH")
_HEADER_SIZE = 12


class Query:
    """One question with its header and EDNS.

    `question` is the question section as sent (its case must come back), `name` the canonical
    text of its name; `payload` is the largest UDP response that the client takes
    and that we send; `version` is -1 without EDNS; `key` is all that its answer depends on: name, type, class, DO, CD.
    """

    __slots__ = (
        "do",
        "flags",
        "id",
        "key",
        "name",
        "options",
        "payload",
        "qclass",
        "qtype",
        "question",
        "version",
    )

    def __init__(self, message: bytes) -> None:
        if len(message) < _HEADER_SIZE:
            raise WireError("shorter than a header")
        self.id, self.flags, questions, others, additionals = _QUERY_HEADER.unpack_from(message)
        if questions != 1 or others:
            raise WireError("a query has one question and no answers")
        self.name, end = _read_name(message)
        self.question = question = message[_HEADER_SIZE : end + 4]
        if len(question) != end + 4 - _HEADER_SIZE:
            raise WireError("message ends inside the question")
        self.qtype, self.qclass = _QUESTION_TAIL.unpack_from(message, end)
        self.payload = MIN_UDP_PAYLOAD
        self.version = -1
        self.do = False
        self.options = b""
        if additionals:
            self._read_additional(message, end + 4, additionals)
        elif len(message) != end + 4:
            raise WireError("octets behind the question")
        self.key = question[:-4].lower() + question[-4:] + _KEY_FLAGS[self.do | (self.flags & _CHECKING_DISABLED) >> 3]

    @property
    def has_edns(self) -> bool:
        """Whether the client sent an OPT record, and so gets one."""
        return self.version >= 0

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
                self.payload = min(max(rclass, MIN_UDP_PAYLOAD), MAX_UDP_PAYLOAD)
                self.version, self.do = ttl >> 16 & 0xFF, bool(ttl & DO)
                self.options = message[offset - length : offset]
                if length:
                    check_options(self.options)
        if offset != len(message):
            raise WireError("octets behind the last record")


def check_options(options: bytes) -> None:
    """Raise WireError where EDNS options overrun their record."""
    offset, end = 0, len(options)
    while offset < end:
        if offset + _OPTION.size > end:
            raise WireError("OPT ends inside an option")
        offset += _OPTION.size + _OPTION.unpack_from(options, offset)[1]
    if offset != end:
        raise WireError("OPT ends inside an option")


def _read_name(message: bytes) -> tuple[str, int]:
    """Return the canonical text of the question's name and where it ends.

    Names share their parents: a parent that was read before is known by its octets, which end at the first root label.
    """
    end = message.find(0, _HEADER_SIZE) + 1
    first = message[_HEADER_SIZE] if end else 0
    start = _HEADER_SIZE + 1 + first
    parent = _parents.get(message[start:end])
    if parent is not None and first <= MAX_LABEL and end - _HEADER_SIZE <= MAX_NAME:
        return escape_label(message[_HEADER_SIZE + 1 : start]) + parent, end
    labels, end = _read_labels(message)
    if len(labels) > 1:
        if len(_parents) >= MAX_PARENTS:
            _parents.clear()
        _parents[message[start:end]] = "." + join_labels(labels[1:])
    return join_labels(labels), end


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
