r"""Domain names in messages: uncompressed wire form <-> canonical text.

The wire form inside dnsfilter is one `bytes` of length-prefixed labels ended by the root label, at most 255 octets
(RFC 1035 section 3.1). Octets outside letters, digits, `-` and `_` become `\DDD` in text, a dot in a label included, so
that text never confuses where a label ends.
"""

import re
from typing import Final

from dnsfilter.errors import WireError

MAX_NAME: Final = 255
MAX_LABEL: Final = 63
MAX_POINTERS: Final = 16
HEADER_SIZE: Final = 12
_POINTER: Final = 0xC0

_PLAIN: Final = b"abcdefghijklmnopqrstuvwxyz0123456789_-"
_UNPRINTABLE: Final = re.compile(rb"[^a-z0-9_-]")
_SEPARATOR: Final = "\u0100"
"""Stands between labels while their octets, a dot among them, are escaped."""

_TEXTS: Final = {
    octet: chr(octet).lower() if octet in _PLAIN.upper() + _PLAIN else f"\\{octet:03d}" for octet in range(256)
}
_TEXTS[ord(_SEPARATOR)] = "."
_ESCAPED: Final = re.compile(rb"\\(\d{3})")


def read_name(message: bytes, offset: int, first: int = HEADER_SIZE) -> tuple[bytes, int]:
    """Return the uncompressed name at `offset` and where it ends; WireError where it is malformed.

    Compression pointers must point backwards (RFC 1035 section 4.1.4, RFC 9267 section 2), and not before `first`: a
    name that began in the header would be another one under another ID.
    """
    labels: list[bytes] = []
    length, end, limit = 1, 0, offset
    try:
        for _ in range(MAX_POINTERS):
            while (size := message[offset]) <= MAX_LABEL:
                following = offset + 1 + size
                if not size:
                    return b"".join(labels) + b"\0", end or following
                length += 1 + size
                if length > MAX_NAME:
                    raise WireError(f"name too long at offset {offset}")
                labels.append(message[offset:following])
                offset = following
            if size < _POINTER:
                raise WireError(f"label type {size:#x} at offset {offset}")
            end = end or offset + 2
            target = (size & ~_POINTER) << 8 | message[offset + 1]
            if not first <= target < limit:
                raise WireError(f"compression pointer at offset {offset} does not point backwards to a name")
            offset = limit = target
    except IndexError:
        raise WireError("message ends inside a name") from None
    raise WireError(f"more than {MAX_POINTERS} compression pointers")


def skip_name(message: bytes, offset: int) -> int:
    """Return where the name at `offset` ends, without following pointers."""
    try:
        while size := message[offset]:
            if size > MAX_LABEL:
                if size < _POINTER:
                    raise WireError(f"label type {size:#x} at offset {offset}")
                return offset + 2
            offset += 1 + size
    except IndexError:
        raise WireError("message ends inside a name") from None
    return offset + 1


def to_text(wire: bytes) -> str:
    """Return the canonical text of a name in wire form; the root is `.`."""
    labels: list[bytes] = []
    offset = 0
    try:
        while size := wire[offset]:
            labels.append(wire[offset + 1 : offset + 1 + size])
            offset += 1 + size
    except IndexError:
        raise WireError("name has no end") from None
    return join_labels(labels)


def join_labels(labels: list[bytes]) -> str:
    """Return the canonical text of a name of these labels."""
    text = b".".join(labels).lower()
    if len(text.translate(None, _PLAIN)) != len(labels) - 1:
        return _SEPARATOR.join([label.decode("latin-1") for label in labels]).translate(_TEXTS) or "."
    return text.decode("ascii")


def escape_label(label: bytes) -> str:
    """Return the canonical text of one label."""
    lower = label.lower()
    if not lower.isalnum():  # much cheaper than the substitution, and enough for most labels
        lower = _UNPRINTABLE.sub(_escape, lower)
    return lower.decode()


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\%03d" % ord(match[0])


def from_text(text: str) -> bytes:
    r"""Return the wire form of canonical text (with `\DDD` escapes); WireError where it stands for no name."""
    wire = b""
    for label in text.removesuffix(".").split(".") if text != "." else ():
        try:
            octets = _ESCAPED.sub(_unescape, label.encode("ascii"))
        except ValueError:
            raise WireError(f"label {label!r} does not stand for octets") from None
        if not 0 < len(octets) <= MAX_LABEL:
            raise WireError(f"label {label!r} has a length outside 1 to {MAX_LABEL}")
        wire += bytes([len(octets)]) + octets
    if len(wire) >= MAX_NAME:
        raise WireError(f"name {text!r} is longer than {MAX_NAME} octets")
    return wire + b"\0"


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1]),))
