"""The cookie in an upstream's response (RFC 7873 section 4).

Raises WireError and nothing else; what to make of a cookie is up to who asked.
"""

import struct

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import Option, Type
from dnsfilter.wire.name import skip_name
from dnsfilter.wire.query import HEADER, RECORD, read_options

_QUESTION_TAIL = 4


def find_cookie(message: bytes) -> bytes | None:
    """Return the first cookie of a response, None where there is none."""
    try:
        return read_options(_find_opt_data(message)).get(Option.COOKIE)
    except (IndexError, struct.error):
        raise WireError("message ends inside a record") from None


def _find_opt_data(message: bytes) -> bytes:
    """Return what the OPT record holds, nothing where there is none."""
    _, _, questions, *others = HEADER.unpack_from(message)
    offset = HEADER.size
    for _ in range(questions):
        offset = skip_name(message, offset) + _QUESTION_TAIL
    for _ in range(sum(others)):
        offset = skip_name(message, offset)
        rtype, _, _, length = RECORD.unpack_from(message, offset)
        offset += RECORD.size + length
        if offset > len(message):
            raise WireError("message ends inside record data")
        if rtype == Type.OPT:
            return message[offset - length : offset]
    return b""
