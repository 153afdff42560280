"""HTTP/1.1 through h11: octets -> requests, responses -> octets. Does no I/O."""

import h11

from dnsfilter.server.requests import MAX_FIELDS, MAX_HELD, Fields, HttpError, Request
from dnsfilter.wire.framing import MAX_MESSAGE

_FIELDS_TOO_LARGE = 431
_CLOSE = (b"connection", b"close")


class Http1:
    """One connection; requests come one after the other, each once the one before it has its response."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_FIELDS)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._output = bytearray()

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of this connection."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    def feed(self, data: bytes) -> None:
        """Take octets from the peer; HttpError where it sends more than it may have waiting."""
        self._h11.receive_data(data)
        if len(self._h11.trailing_data[0]) > MAX_HELD:
            raise HttpError("too much sent ahead")

    def next_request(self) -> Request | None:
        """Return the next complete request; what is no HTTP is refused here."""
        if self.is_over:
            return None
        try:
            while (event := self._h11.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                request = self._take(event)
                if request:
                    return request
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
        return None

    def respond(self, _stream: int, status: int, fields: Fields, body: bytes) -> None:
        """Answer the request that was returned last."""
        is_complete = self._h11.their_state is h11.DONE
        self._send(h11.Response(status_code=status, headers=[*fields] if is_complete else [*fields, _CLOSE]))
        if body:
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        if is_complete and self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()

    def take_output(self) -> bytes:
        """Return what is to be sent."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def close(self) -> None:
        """Do nothing: there is nothing to give back."""

    def _take(self, event: h11.Event | type[h11.NEED_DATA | h11.PAUSED]) -> Request | None:
        if isinstance(event, h11.Request):
            if sum(len(name) + len(value) for name, value in event.headers) > MAX_FIELDS:
                raise h11.RemoteProtocolError("fields too long", error_status_hint=_FIELDS_TOO_LARGE)
            self._request = event
            self._body.clear()
            if self._h11.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > MAX_MESSAGE:
                return self._complete(None)
        elif isinstance(event, h11.EndOfMessage):
            return self._complete(bytes(self._body))
        elif isinstance(event, h11.ConnectionClosed):
            raise HttpError("closed by the client")
        return None

    def _complete(self, body: bytes | None) -> Request:
        assert self._request
        return Request(0, self._request.method, self._request.target, dict(self._request.headers), body)

    def _refuse(self, status: int) -> None:
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(h11.Response(status_code=status, headers=[(b"content-length", b"0"), _CLOSE]))
            self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        self._output += self._h11.send(event) or b""
