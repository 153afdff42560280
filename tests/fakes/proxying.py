"""PROXY headers as load balancers write them."""

import struct
from ipaddress import ip_address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def make_header(client: str, *, command: int = 0x21, transport: int = 1, tlvs: bytes = b"") -> bytes:
    """Return the header for a client; transport 1 is TCP, 2 UDP."""
    address = ip_address(client)
    family = 0x10 if address.version == 4 else 0x20
    body = address.packed + bytes(len(address.packed)) + struct.pack("!HH", 4000, 53) + tlvs
    return SIGNATURE + struct.pack("!BBH", command, family | transport, len(body)) + body
