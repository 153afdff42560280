"""Padding of messages on encrypted transports (RFC 7830), by the block policy of RFC 8467 section 4.1."""

import struct

from dnsfilter.wire.codes import Option, Type
from dnsfilter.wire.name import skip_name
from dnsfilter.wire.query import HEADER, RECORD, Query

BLOCK = 468
QUERY_BLOCK = 128

_OPTION = struct.Struct("!HH")
_LENGTH = struct.Struct("!H")
_HEADER_SIZE = 12
_QUESTION_TAIL = 4


def wants_padding(query: Query) -> bool:
    """Whether the client sent the padding option, and so understands it."""
    return Option.PADDING in query.options


def pad(message: bytes, block: int = BLOCK) -> bytes:
    """Return a message of ours, whose last record is OPT, filled up to a multiple of the block size."""
    place = _find_last_record(message)
    rtype, _, _, length = RECORD.unpack_from(message, place)
    if rtype != Type.OPT:
        return message
    size = -(len(message) + _OPTION.size) % block
    data = place + RECORD.size
    length_field = _LENGTH.pack(length + _OPTION.size + size)
    return (
        message[: data - _LENGTH.size]
        + length_field
        + message[data:]
        + _OPTION.pack(Option.PADDING, size)
        + bytes(size)
    )


def _find_last_record(message: bytes) -> int:
    """Return where the type of the last record stands."""
    counts = HEADER.unpack_from(message)
    offset = place = _HEADER_SIZE
    for _ in range(counts[2]):
        offset = skip_name(message, offset) + _QUESTION_TAIL
    for _ in range(sum(counts[3:])):
        place = skip_name(message, offset)
        offset = place + RECORD.size + RECORD.unpack_from(message, place)[3]
    return place
