"""Frame Streams, the container of dnstap files: octets -> data frames (farsightsec.com, fstrm control.h).

A file begins with a START control frame that names the content type, and ends with STOP. A file that is cut off gives
what is in front of the cut, then a problem.
"""

import struct
from collections.abc import Iterator

from dnsfilter.errors import Problem

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
MAX_FRAME = 1024 * 1024
START_OF_FILE = b"\0\0\0\0"
"""Escapes a control frame: the length that no data frame has."""

_LENGTH = struct.Struct("!I")
_FIELD = struct.Struct("!II")
_START, _STOP = 2, 3
_CONTENT_TYPE_FIELD = 1


class _Damage(Exception):  # noqa: N818 - a condition of the file, caught in this module
    pass


def read_frames(data: memoryview, file: str) -> Iterator[bytes | Problem]:
    """Yield the data frames of a file."""
    number = 0
    try:
        for frame in _read(data):
            number += 1
            yield frame
    except _Damage as damage:
        yield Problem(str(damage), file, key=f"frame {number + 1}")


def _read(data: memoryview) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        frame, offset = _cut(data, offset)
        if frame:
            yield frame
            continue
        control, offset = _cut(data, offset)
        if _obey(control):
            return


def _cut(data: memoryview, offset: int) -> tuple[bytes, int]:
    """Return the octets behind a length, and where they end."""
    start = offset + _LENGTH.size
    if start > len(data):
        raise _Damage("the file ends inside it")
    length = _LENGTH.unpack_from(data, offset)[0]
    if length > MAX_FRAME:
        raise _Damage(f"{length} octets are more than a frame can have")
    if start + length > len(data):
        raise _Damage("the file ends inside it")
    return bytes(data[start : start + length]), start + length


def _obey(control: bytes) -> bool:
    """Whether a control frame ends the stream; START must be for dnstap."""
    if len(control) < _LENGTH.size:
        raise _Damage("a control frame without a type")
    kind = _LENGTH.unpack_from(control)[0]
    if kind == _START:
        types = list(_content_types(control))
        if types and CONTENT_TYPE not in types:
            raise _Damage(f"{types[0].decode(errors='replace')!r} is not dnstap")
    return bool(kind == _STOP)


def _content_types(control: bytes) -> Iterator[bytes]:
    offset = _LENGTH.size
    while offset + _FIELD.size <= len(control):
        kind, length = _FIELD.unpack_from(control, offset)
        offset += _FIELD.size
        if kind == _CONTENT_TYPE_FIELD:
            yield control[offset : offset + length]
        offset += length
