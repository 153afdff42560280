"""HTTP/2: octets -> requests, responses -> octets, and what bounds a connection. Does no I/O.

Frames, HPACK, flow control and the limits of the protocol itself are libnghttp2's.
"""

from collections import deque
from ctypes import string_at

from dnsfilter.server.nghttp2 import CALLBACK_FAILURE, DATA, END_STREAM, GOAWAY, HEADERS, FrameHeader, Session
from dnsfilter.server.requests import MAX_FIELDS, MAX_HELD, MAX_PATH, Fields, HttpError, Request
from dnsfilter.wire.framing import MAX_MESSAGE

MAX_STREAMS = 100
MAX_RESETS = 100
"""How many streams one connection may give up: what asks and resets makes work without waiting for it."""

MAX_FRAMES = 1000
"""How many frames may come without completing a request: floods of SETTINGS, PING, empty DATA (CVE-2019-9512 ff)."""

_FIELD_OVERHEAD = 32
_NEEDED = (b":path", b":method", b"accept", b"content-type")


class Http2:
    """One connection, which gets the `Events` of its session; responses go out in any order."""

    def __init__(self) -> None:
        self._session = Session(self, MAX_STREAMS, MAX_FIELDS)
        self._fields: dict[bytes, bytes] = {}
        self._room = MAX_FIELDS
        self._incomplete: dict[int, tuple[dict[bytes, bytes], bytearray]] = {}
        self._complete: deque[Request] = deque()
        self._open: set[int] = set()
        self._unsent: dict[int, bytes] = {}
        self._unwanted: list[int] = []
        self._resets = 0
        self._frames = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of this connection."""
        return self._session.is_over

    def feed(self, data: bytes) -> None:
        """Take octets from the peer; HttpError where the connection cannot go on."""
        if not self._session.receive(data):
            raise HttpError

    def next_request(self) -> Request | None:
        """Return the next complete request."""
        return self._complete.popleft() if self._complete else None

    def respond(self, stream: int, status: int, fields: Fields, body: bytes) -> None:
        """Answer a request, whose stream may be gone meanwhile."""
        if stream not in self._open:
            return
        if body:
            self._unsent[stream] = body
        self._session.respond(stream, status, fields, has_body=bool(body))
        if self._incomplete.pop(stream, None):
            self._unwanted.append(stream)

    def take_output(self) -> bytes:
        """Return what is to be sent; HttpError where too much cannot be, for the peer opens no window for it."""
        output = self._session.take_output()
        if self._unwanted:  # a stream that is being reset sends no response any more, so only now
            for stream in self._unwanted:
                self._session.stop(stream)
            self._unwanted.clear()
            output += self._session.take_output()
        if self._unsent and sum(map(len, self._unsent.values())) > MAX_HELD:
            raise HttpError("responses are not taken")
        return output

    def close(self) -> None:
        """Give back the memory of the session."""
        self._open.clear()
        self._session.close()

    def on_begin_headers(self) -> int:
        """Start with no fields."""
        self._fields, self._room = {}, MAX_FIELDS
        return 0

    def on_header(self, name: bytes, value: bytes) -> int:
        """Take a field; of a path what shows that it is too long; end the connection at more than anybody needs."""
        if name == b":path":
            value = value[: MAX_PATH + 1]
        self._room -= len(name) + len(value) + _FIELD_OVERHEAD
        self._fields[name] = value
        return 0 if self._room >= 0 else CALLBACK_FAILURE

    def on_frame(self, header: FrameHeader) -> int:
        """Complete a request with the frame that ends its stream."""
        kind, stream = header.type, header.stream_id
        self._frames += 1
        if kind not in (DATA, HEADERS):
            if kind == GOAWAY:
                self._session.expect_end()
            return 0 if self._frames <= MAX_FRAMES else CALLBACK_FAILURE
        is_end = header.flags & END_STREAM
        if kind == HEADERS and stream not in self._open:
            self._open.add(stream)
            if not is_end:
                self._incomplete[stream] = {name: self._fields.get(name, b"") for name in _NEEDED}, bytearray()
                return 0
            self._add(stream, self._fields, b"")
        elif is_end and stream in self._incomplete:
            fields, body = self._incomplete.pop(stream)
            self._add(stream, fields, bytes(body))
        return 0 if self._frames <= MAX_FRAMES else CALLBACK_FAILURE

    def on_chunk(self, stream: int, data: int, length: int) -> int:
        """Keep what belongs to a request, up to the longest DNS message."""
        if stream not in self._incomplete:
            return 0
        fields, body = self._incomplete[stream]
        if len(body) > MAX_MESSAGE:
            return 0
        body += string_at(data, length)
        if len(body) > MAX_MESSAGE:
            self._add(stream, fields, None)
        is_too_much = sum(len(held) for _, held in self._incomplete.values()) > MAX_HELD
        return CALLBACK_FAILURE if is_too_much else 0

    def on_close(self, stream: int, error: int) -> int:
        """Forget a stream; count those that the peer gave up."""
        self._open.discard(stream)
        self._incomplete.pop(stream, None)
        self._unsent.pop(stream, None)
        if error:
            self._resets += 1
        return CALLBACK_FAILURE if self._resets > MAX_RESETS else 0

    def read_body(self, stream: int, length: int) -> tuple[bytes, bool]:
        """Return the next octets of a response."""
        body = self._unsent.get(stream, b"")
        if len(body) <= length:
            self._unsent.pop(stream, None)
            return body, True
        self._unsent[stream] = body[length:]
        return body[:length], False

    def _add(self, stream: int, fields: dict[bytes, bytes], body: bytes | None) -> None:
        self._frames = 0
        method, path = fields.get(b":method", b""), fields.get(b":path", b"")
        self._complete.append(Request(stream, method, path, fields, body))
