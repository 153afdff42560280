"""The first octets of a connection, before mitmproxy takes it for something: too short, too long, or HTTP after all.

mitmproxy takes a connection whose first segment is no whole beginning of TLS, or no whole line of HTTP with a method of
letters, for raw data, which no name is looked for in. Who sends `GET /`, then the rest, or the first octet of a
ClientHello alone, would pass unseen.
"""

import re

from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.events import DataReceived, Event
from mitmproxy.proxy.layer import CommandGenerator, Layer, NextLayer

MAX_HELLO = 65_536
"""The longest ClientHello that is waited for; those of browsers have some 2,000 octets."""

MAX_RECORDS = 128
"""In how many records a ClientHello may come: 64 KiB fit into four."""
MAX_SEGMENTS = 4096
"""In how many segments the beginning of a connection may come: each of them is looked at from the first octet on."""

_TLS = b"\x16\x03"
"""A record with a handshake message, and the first octet of every version."""

_LAST_VERSION = 3
"""The second octet of the last version that a record may have; mitmproxy takes others for no TLS."""

_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_CLIENT_HELLO = 1
_UNFINISHED_LINE = re.compile(rb"[\r\n]*(?:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}(?:[ \t][^\n]{0,8192})?)?")
_REQUEST_LINE = re.compile(rb"[\r\n]*[^\r\n]*\sHTTP/[0-9]\.[0-9]\s*\n")
"""As servers read it, who ignore empty lines before it (RFC 9112 section 2.2) and are not exact about blanks."""


def is_too_short(data: bytes) -> bool:
    """Whether what a client sent so far may be the beginning of a ClientHello or a request that says no more yet."""
    if data[:1] == _TLS[:1]:
        return _TLS.startswith(data[:2]) and _is_part_of_hello(data) and not is_unreadable(data)
    return _UNFINISHED_LINE.fullmatch(data) is not None


def is_request(data: bytes) -> bool:
    """Whether a server would take what a client sent for a request, whatever it thinks of its method."""
    return _REQUEST_LINE.match(data) is not None


def is_unreadable(data: bytes) -> bool:
    """Whether this is a ClientHello that we cannot or will not read, and a server might.

    Servers ignore the version of the record (RFC 8446 section 5.1). A message whose header is cut by the end of a
    record looks here like a long one.
    """
    first = data[: _RECORD_HEADER + _MESSAGE_HEADER]
    is_hello = len(first) == _RECORD_HEADER + _MESSAGE_HEADER and first.startswith(_TLS)
    return is_hello and (
        first[len(_TLS)] > _LAST_VERSION
        or int.from_bytes(first[-3:]) > MAX_HELLO
        or _read_message(data)[1] > MAX_RECORDS
    )


def _is_part_of_hello(data: bytes) -> bool:
    """Whether more octets of a ClientHello are to come; who took them for it each time would read them each time."""
    if len(data) < _RECORD_HEADER + _MESSAGE_HEADER:
        return True
    missing, records = _read_message(data)
    return data[_RECORD_HEADER] == _CLIENT_HELLO and missing > 0 and records <= MAX_RECORDS


def _read_message(data: bytes) -> tuple[int, int]:
    """Return how many octets of the first message are missing, and over how many records it is spread so far.

    What is no record of a handshake ends it: nobody waits for the rest.
    """
    header = _RECORD_HEADER + _MESSAGE_HEADER
    missing = _MESSAGE_HEADER + int.from_bytes(data[header - 3 : header])
    position = records = 0
    while missing > 0 and position < len(data) and records <= MAX_RECORDS:
        if not data.startswith(_TLS[:1], position):
            return 0, records
        begin = position + _RECORD_HEADER
        position = begin + int.from_bytes(data[begin - 2 : begin])
        missing -= max(min(position, len(data)) - begin, 0)
        records += 1
    return missing, records


def join_segments(choice: NextLayer, data: bytes) -> None:
    """Let the layer that is chosen have all octets so far at once: one that fails on the first must not get more."""
    received = [event for event in choice.events if isinstance(event, DataReceived)]
    if len(received) > 1 and all(event.connection == choice.context.client for event in received):
        others = (event for event in choice.events if not isinstance(event, DataReceived))
        choice.events[:] = [*others, DataReceived(choice.context.client, data)]


class Ended(Layer):
    """A connection that is closed, whatever comes."""

    def _handle_event(self, _event: Event) -> CommandGenerator[None]:
        """Close the client's connection."""
        yield CloseConnection(self.context.client)
