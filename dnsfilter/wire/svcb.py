"""The parameters of service bindings, SVCB and HTTPS (RFC 9460 section 2.2): wire form <-> values by key.

A record that breaks the rules is malformed, and with it all of its RRset: WireError, so that it is neither cached nor
passed on.
"""

import struct
from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import Type


class Key(IntEnum):
    """SvcParamKeys (RFC 9460 section 14.3.2)."""

    MANDATORY = 0
    ALPN = 1
    NO_DEFAULT_ALPN = 2
    PORT = 3
    IPV4HINT = 4
    ECH = 5
    IPV6HINT = 6


SERVICES = frozenset(map(int, (Type.SVCB, Type.HTTPS)))

_PARAM = struct.Struct("!HH")
_HINTS = {int(Key.IPV4HINT): 4, int(Key.IPV6HINT): 16}

Params = dict[int, bytes]


def read_params(data: bytes) -> Params:
    """Return the parameters behind a TargetName; keys ascend strictly, lengths fit, values have their format."""
    params: Params = {}
    offset, end, last = 0, len(data), -1
    try:
        while offset < end:
            key, length = _PARAM.unpack_from(data, offset)
            offset += _PARAM.size
            if key <= last:
                raise WireError("service parameters out of order")
            last = key
            params[key] = data[offset : offset + length]
            offset += length
    except struct.error:
        raise WireError("record ends inside a service parameter") from None
    if offset != end:
        raise WireError("record ends inside a service parameter")
    for key in params.keys() & _FORMATS.keys():
        if not _FORMATS[key](params[key]):
            raise WireError(f"service parameter {key} is malformed")
    if Key.MANDATORY in params and not _read_keys(params[Key.MANDATORY]) <= params.keys():
        raise WireError("a mandatory service parameter is missing")  # RFC 9460 section 8
    return params


def write_params(params: Params) -> bytes:
    """Return the wire form of parameters."""
    return b"".join(_PARAM.pack(key, len(params[key])) + params[key] for key in sorted(params))


def read_hints(params: Params) -> list[bytes]:
    """Return the packed addresses that a binding hints at (RFC 9460 section 7.3)."""
    return [
        params[key][offset : offset + size]
        for key, size in _HINTS.items()
        if key in params
        for offset in range(0, len(params[key]), size)
    ]


def without_ech(params: Params) -> Params:
    """Return parameters without `ech`, which then is not mandatory either."""
    left = {key: value for key, value in params.items() if key != Key.ECH}
    if Key.MANDATORY in left:
        mandatory = sorted(_read_keys(left.pop(Key.MANDATORY)) - {Key.ECH})
        if mandatory:
            left[Key.MANDATORY] = struct.pack(f"!{len(mandatory)}H", *mandatory)
    return left


def _read_keys(value: bytes) -> set[int]:
    return set(struct.unpack(f"!{len(value) // 2}H", value))


def _is_mandatory(value: bytes) -> bool:
    """Whether it lists keys other than itself, ascending (RFC 9460 section 8)."""
    if not value or len(value) % 2:
        return False
    keys = struct.unpack(f"!{len(value) // 2}H", value)
    return keys[0] > 0 and all(first < second for first, second in pairwise(keys))


def _is_alpn(value: bytes) -> bool:
    """Whether it is a list of protocol names with their lengths (RFC 9460 section 7.1.1)."""
    offset = 0
    while offset < len(value) and value[offset]:
        offset += 1 + value[offset]
    return bool(value) and offset == len(value)


_FORMATS: dict[int, Callable[[bytes], bool]] = {
    Key.MANDATORY: _is_mandatory,
    Key.ALPN: _is_alpn,
    Key.NO_DEFAULT_ALPN: lambda value: not value,
    Key.PORT: lambda value: len(value) == 2,  # noqa: PLR2004 - a port
    Key.IPV4HINT: lambda value: bool(value) and not len(value) % 4,
    Key.IPV6HINT: lambda value: bool(value) and not len(value) % 16,
}
