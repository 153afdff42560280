"""The question of a recorded DNS message: all that a recording is read for."""

import struct

from dnsfilter.errors import WireError
from dnsfilter.wire.name import read_name, to_text

_HEADER = struct.Struct("!HHHHHH")
_TAIL = 4
_RESPONSE = 0x8000
_OPCODE = 0x7800


def read_question(message: bytes, *, of_response: bool = False) -> str | None:
    """Return the canonical name that a query, or a response, is about; WireError where it is malformed.

    None for a message of the other direction, another opcode, or without a question.
    """
    if len(message) < _HEADER.size:
        raise WireError("shorter than a header")
    _, flags, questions, *_ = _HEADER.unpack_from(message)
    if bool(flags & _RESPONSE) is not of_response or flags & _OPCODE or not questions:
        return None
    name, end = read_name(message, _HEADER.size)
    if end + _TAIL > len(message):
        raise WireError("message ends inside the question")
    return to_text(name)
