"""Reads the fields of a protobuf message without its schema: numbers and octets by field number."""

from dnsfilter.errors import WireError

MAX_VARINT = 10

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def read_fields(message: bytes) -> dict[int, int | bytes]:
    """Return the fields of a message, of one that occurs more than once the last; WireError where it is malformed."""
    fields: dict[int, int | bytes] = {}
    offset = 0
    while offset < len(message):
        tag, offset = _read_varint(message, offset)
        kind = tag & 7
        if kind == _VARINT:
            fields[tag >> 3], offset = _read_varint(message, offset)
            continue
        if kind == _BYTES:
            size, offset = _read_varint(message, offset)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise WireError(f"protobuf wire type {kind} at octet {offset}")
        octets = message[offset : offset + size]
        if len(octets) != size:
            raise WireError("a protobuf message ends inside a field")
        fields[tag >> 3] = octets if kind == _BYTES else int.from_bytes(octets, "little")
        offset += size
    return fields


def _read_varint(message: bytes, offset: int) -> tuple[int, int]:
    value = 0
    for index in range(MAX_VARINT):
        if offset + index >= len(message):
            raise WireError("a protobuf message ends inside a number")
        octet = message[offset + index]
        value |= (octet & 0x7F) << 7 * index
        if octet < 0x80:  # noqa: PLR2004 - the last octet lacks the high bit
            return value, offset + index + 1
    raise WireError(f"a protobuf number of more than {MAX_VARINT} octets")
