"""Padding of messages on encrypted transports (RFC 7830), by the block policy of RFC 8467 section 4.1."""

import struct

from dnsfilter.wire.codes import Option, Type
from dnsfilter.wire.framing import MAX_MESSAGE
from dnsfilter.wire.name import skip_name
from dnsfilter.wire.query import HEADER, RECORD, Query

BLOCK = 468
QUERY_BLOCK = 128

_OPT = Type.OPT.to_bytes(2, "big")
_OPTION = struct.Struct("!HH")
_LENGTH = struct.Struct("!H")
_HEADER_SIZE = 12
_QUESTION_TAIL = 4


def wants_padding(query: Query) -> bool:
    """Whether the client sent the padding option, and so understands it."""
    return Option.PADDING in query.options


def pad(message: bytes, block: int = BLOCK) -> bytes:
    """Return a message of ours filled up to a multiple of the block size, as it is where its last record is not OPT."""
    place = _find_last_record(message)
    room = MAX_MESSAGE - len(message) - _OPTION.size
    if not message.startswith(_OPT, place) or room < 0:
        return message
    length = RECORD.unpack_from(message, place)[3]
    size = min(-(len(message) + _OPTION.size) % block, room)  # RFC 8467 section 4.1
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
    """Return where the type of the last record stands; the end where there is none."""
    counts = HEADER.unpack_from(message)
    offset, place = _HEADER_SIZE, len(message)
    for _ in range(counts[2]):
        offset = skip_name(message, offset) + _QUESTION_TAIL
    for _ in range(sum(counts[3:])):
        place = skip_name(message, offset)
        offset = place + RECORD.size + RECORD.unpack_from(message, place)[3]
    return place
