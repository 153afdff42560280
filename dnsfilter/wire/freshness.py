"""How long an HTTP cache may keep a response (RFC 8484 section 5.1)."""

from dnsfilter.wire.codes import Rcode, Type
from dnsfilter.wire.name import skip_name
from dnsfilter.wire.query import HEADER, RECORD

_HEADER_SIZE = 12
_QUESTION_TAIL = 4
_RCODE_BITS = 0x0F
_CACHEABLE = (int(Rcode.NOERROR), int(Rcode.NXDOMAIN))
_POINTER = 0xC0
_UNBOUNDED = 2**32


def find_max_age(response: bytes) -> int:
    """Return the smallest TTL of the answers in seconds, without answers how long the denial holds, else 0.

    The response is one of ours, so well-formed.
    """
    _, flags, questions, answers, authorities, _ = HEADER.unpack_from(response)
    if flags & _RCODE_BITS not in _CACHEABLE:
        return 0
    offset = _HEADER_SIZE
    for _ in range(questions):
        offset = skip_name(response, offset) + _QUESTION_TAIL
    max_age = _UNBOUNDED
    for _ in range(answers or authorities):
        place = offset + 2 if response[offset] >= _POINTER else skip_name(response, offset)
        rtype, _, ttl, length = RECORD.unpack_from(response, place)
        offset = place + RECORD.size + length
        if not answers:  # RFC 2308 section 5
            ttl = min(ttl, int.from_bytes(response[offset - 4 : offset], "big")) if rtype == Type.SOA else max_age
        max_age = min(max_age, ttl)
    return 0 if max_age == _UNBOUNDED else max_age
