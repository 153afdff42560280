"""The first octets of a connection, before mitmproxy takes it for something: what is still too short, and too long.

mitmproxy takes a connection whose first segment is no whole beginning of TLS or HTTP for raw data, which no name is
looked for in. Who sends `G`, then `ET /`, or the first octet of a ClientHello alone, would pass unseen.
"""

import re

from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import CommandGenerator, Layer

MAX_HELLO = 65_536
"""The longest ClientHello that is waited for; those of browsers have some 2,000 octets."""

_TLS = b"\x16\x03"
"""A record with a handshake message, and the first octet of every version."""

_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_METHOD = re.compile(rb"[A-Za-z-]{1,32}")


def is_too_short(data: bytes) -> bool:
    """Whether what a client sent so far may be the beginning of a ClientHello or a request that says no more yet."""
    if data[:1] == _TLS[:1]:
        return len(data) < _RECORD_HEADER + _MESSAGE_HEADER and _TLS.startswith(data[:2])
    return _METHOD.fullmatch(data) is not None


def is_too_long(data: bytes) -> bool:
    """Whether a ClientHello announces, in its first record, more than any client needs."""
    first = data[: _RECORD_HEADER + _MESSAGE_HEADER]
    is_hello = len(first) == _RECORD_HEADER + _MESSAGE_HEADER and first.startswith(_TLS)
    return is_hello and int.from_bytes(first[-3:]) > MAX_HELLO


class Ended(Layer):
    """A connection that is closed, whatever comes."""

    def _handle_event(self, _event: Event) -> CommandGenerator[None]:
        """Close the client's connection."""
        yield CloseConnection(self.context.client)
