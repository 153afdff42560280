"""The OPT record of a response (RFC 6891): the only place where its options come together.

What the options are is decided by others: those that follow from the query alone in `edns`, extended errors (RFC 8914)
by whoever makes up the answer.
"""

import struct
from collections.abc import Sequence
from typing import Final

from dnsfilter.wire.codes import DO, MAX_UDP_PAYLOAD, Option, Type
from dnsfilter.wire.query import Query

_OPT_HEADER: Final = struct.Struct("!BHHIH")
_OPTION: Final = struct.Struct("!HH")
_ERROR_CODE: Final = struct.Struct("!H")
_HEADER_SIZE: Final = 12


def build_option(code: int, data: bytes) -> bytes:
    """Return an EDNS option (RFC 6891 section 6.1.2)."""
    return _OPTION.pack(code, len(data)) + data


def build_extended_error(error: int, text: str = "") -> bytes:
    """Return the option that says why (RFC 8914 section 2)."""
    return build_option(Option.EDE, _ERROR_CODE.pack(error) + text.encode())


def build_opt(query: Query, rcode: int, body_size: int, errors: Sequence[bytes]) -> bytes:
    """Return the record for a response to `query` with so many octets of records.

    `errors` are versions of what extended errors say, the longest first; the first that fits is sent, or none.
    """
    options = query.reply_options
    if errors:
        room = query.limit - _HEADER_SIZE - len(query.question) - body_size - _OPT_HEADER.size - len(options)
        for error in errors:
            if len(error) <= room:
                options += error
                break
    extended = rcode >> 4 << 24 | (DO if query.do else 0)
    return _OPT_HEADER.pack(0, Type.OPT, MAX_UDP_PAYLOAD, extended, len(options)) + options
