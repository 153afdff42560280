"""Service binding records (RFC 9460) that say where a resolver answers encrypted (RFC 9461)."""

import struct

from dnsfilter.wire.codes import Class, Type
from dnsfilter.wire.name import from_text
from dnsfilter.wire.query import RECORD
from dnsfilter.wire.response import POINTER_TO_QNAME

DOT, HTTP_2 = "dot", "h2"

_ALPN, _PORT, _DOH_PATH = 1, 3, 7
_PARAMETER = struct.Struct("!HH")
_NUMBER = struct.Struct("!H")


def build_service(target: str, priority: int, protocol: str, port: int, path: str, ttl: int) -> bytes:
    """Return an SVCB record owned by the question's name; an empty path leaves `dohpath` out."""
    parameters = {_ALPN: bytes([len(protocol)]) + protocol.encode(), _PORT: _NUMBER.pack(port)}
    if path:
        parameters[_DOH_PATH] = path.encode()
    data = _NUMBER.pack(priority) + from_text(target)
    for key, value in parameters.items():  # in ascending order, RFC 9460 section 2.2
        data += _PARAMETER.pack(key, len(value)) + value
    return POINTER_TO_QNAME + RECORD.pack(Type.SVCB, Class.IN, ttl, len(data)) + data
