"""The PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt section 2.2): who asks, as a load balancer says it.

Raises WireError and nothing else. Whether the sender may say so is for others to know.
"""

import struct

from dnsfilter.errors import WireError

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
MAX_SIZE = 4096
"""Octets of the longest header that is taken, with its TLVs."""

LOCAL_HEADER = SIGNATURE + bytes((0x20, 0, 0, 0))
"""What a sender says that asks for itself."""

_HEADER = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED = 0
_ADDRESS_SIZES = {0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16}
"""By address family and transport, TCP and UDP over IPv4 and IPv6: how long an address is."""

_PORTS_SIZE = 4
_TLV = struct.Struct("!BH")


def read_header(data: bytes) -> tuple[bytes, int] | None:
    """Return the client's packed address and the size of the header; None where more octets are needed.

    The address is empty where the sender asks for itself (LOCAL) or does not know whom for.
    """
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise WireError("no PROXY header")
    if len(data) < _HEADER.size:
        return None
    _, command, family, length = _HEADER.unpack_from(data)
    if command not in (_LOCAL, _PROXY):
        raise WireError("no version or command of the PROXY protocol that we know")
    size = _HEADER.size + length
    if size > MAX_SIZE:
        raise WireError("PROXY header too long")
    if command == _LOCAL or family == _UNSPECIFIED:
        return (b"", size) if len(data) >= size else None
    address_size = _ADDRESS_SIZES.get(family)
    if address_size is None or length < 2 * address_size + _PORTS_SIZE:
        raise WireError("PROXY header of another family, or too short for its addresses")
    return (data[_HEADER.size : _HEADER.size + address_size], size) if len(data) >= size else None


def read_value(header: bytes, kind: int) -> bytes:
    """Return what a whole header says under a type (section 2.2.7), nothing where it does not, or is cut there."""
    _, command, family, _ = _HEADER.unpack_from(header)
    if command == _LOCAL or family not in _ADDRESS_SIZES:
        return b""
    position = _HEADER.size + 2 * _ADDRESS_SIZES[family] + _PORTS_SIZE
    while position + _TLV.size <= len(header):
        found, length = _TLV.unpack_from(header, position)
        position += _TLV.size
        if found == kind:
            return header[position : position + length] if position + length <= len(header) else b""
        position += length
    return b""
