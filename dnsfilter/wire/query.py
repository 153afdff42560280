"""A query as it came: bytes -> the fields that decide about it.

Raises WireError and nothing else; what to answer to an odd but well-formed query is the resolver's business.
"""

import struct

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import DO, MIN_UDP_PAYLOAD, Flag, Type
from dnsfilter.wire.name import MAX_LABEL, MAX_NAME, skip_name

HEADER = struct.Struct("!HHHHHH")
RECORD = struct.Struct("!HHIH")
"""Type, class, TTL and RDLENGTH of a resource record, behind its owner name (RFC 1035 section 4.1.3)."""

_QUESTION_TAIL = struct.Struct("!HH")
_OPTION = struct.Struct("!HH")
_HEADER_SIZE = 12
_OPT_SIZE = 11
_NO_RECORDS = b"\0\0\0\0"


class Query:
    """One question with its header and EDNS.

    `question` is the question section as sent (its case must come back), `qname` the lower-case wire form; `payload`
    is the largest UDP response the client takes; `version` is -1 without EDNS.
    """

    __slots__ = ("do", "flags", "id", "key", "options", "payload", "qclass", "qname", "qtype", "question", "version")

    def __init__(self, message: bytes) -> None:
        self.id, self.flags, questions, answers, authorities, additionals = _read_header(message)
        if questions != 1 or answers or authorities:
            raise WireError("a query has one question and no answers")
        end = _end_of_question_name(message)
        self.question = message[_HEADER_SIZE : end + 4]
        if len(self.question) != end + 4 - _HEADER_SIZE:
            raise WireError("message ends inside the question")
        self.qtype, self.qclass = _QUESTION_TAIL.unpack_from(message, end)
        self.qname = message[_HEADER_SIZE:end].lower()
        self.payload, self.version, self.do, self.options = MIN_UDP_PAYLOAD, -1, False, b""
        if additionals:
            self._read_additional(message, end + 4, additionals)
        elif len(message) != end + 4:
            raise WireError("octets behind the question")
        self.key = self.qname + self.question[-4:] + bytes((self.do | (self.flags & Flag.CD and 2),))

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
                self.payload = max(rclass, MIN_UDP_PAYLOAD)
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


def _read_header(message: bytes) -> tuple[int, int, int, int, int, int]:
    try:
        return HEADER.unpack_from(message)
    except struct.error:
        raise WireError("shorter than a header") from None


def _end_of_question_name(message: bytes) -> int:
    """Return where the question's name ends; a first name can have no pointer to go back to."""
    offset = _HEADER_SIZE
    try:
        while size := message[offset]:
            if size > MAX_LABEL:
                raise WireError(f"label type {size:#x} in the question")
            offset += 1 + size
    except IndexError:
        raise WireError("message ends inside the question") from None
    if offset + 1 - _HEADER_SIZE > MAX_NAME:
        raise WireError(f"question name longer than {MAX_NAME} octets")
    return offset + 1
