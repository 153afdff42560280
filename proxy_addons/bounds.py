"""Bounds for what mitmproxy would keep without any: heads that never end, requests sent ahead, bodies nobody will read.

A request that the addon has answered is answered at once, not after the last octet of its body, which is not kept.
Decides nothing.
"""

from mitmproxy.http import Headers, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.events import ConnectionClosed, ConnectionEvent, Event
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import RequestEndOfMessage, RequestHeaders, ResponseEndOfMessage
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server

MAX_HEAD = 65_536
"""Octets of a head, more than twice what browsers and common servers take."""
MAX_AHEAD = 1_048_576
"""Octets that a client may send while it waits for a response over HTTP/1."""

TOO_LARGE_STATUS = 431


class BoundedServer(Http1Server):
    """What a client sends over HTTP/1, as far as we take it."""

    def read_headers(self, event: ConnectionEvent) -> CommandGenerator[None]:
        """Read a head, or end the connection where it is too long (RFC 6585 section 5)."""
        yield from super().read_headers(event)
        if self.state == self.read_headers and len(self.buf) > MAX_HEAD:
            refusal = Response.make(TOO_LARGE_STATUS, b"", Headers(Connection="close"))
            yield SendData(self.conn, http1.assemble_response(refusal))  # type: ignore[no-untyped-call]
            yield CloseConnection(self.conn)
            self.state = self.done

    def wait(self, event: Event) -> CommandGenerator[None]:
        """Keep what is sent ahead for later, and end the connection where that is too much."""
        yield from super().wait(event)
        if len(self.buf) > MAX_AHEAD:
            yield from super().wait(ConnectionClosed(self.conn))  # as if it had been the client who ended it
            self.state = self.done


class BoundedClient(Http1Client):
    """What a server sends over HTTP/1, as far as we take it."""

    def read_headers(self, event: ConnectionEvent) -> CommandGenerator[None]:
        """Read a head, or end the connection where it is too long."""
        yield from super().read_headers(event)
        if self.state == self.read_headers and len(self.buf) > MAX_HEAD:
            self.buf.maybe_extract_at_most(len(self.buf))
            yield from super().read_headers(ConnectionClosed(self.conn))  # as if it had been the server who ended it
            self.state = self.done


class PromptStream(HttpStream):
    """A request and its response, which does not wait for a body where it does not depend on it."""

    def state_wait_for_request_headers(self, event: RequestHeaders) -> CommandGenerator[None]:
        """Ask the addons about a head; send the response that one of them gave."""
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_consume_request_body and self.flow.response and not event.end_stream:
            self.client_state = self.state_discard_request_body
            yield from self.send_response()
            if self.flow.request.is_http2:  # HTTP/1 says by the response's length that it has ended
                yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def state_discard_request_body(self, event: Event) -> CommandGenerator[None]:
        """Take what is left of a request without keeping it."""
        if isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            yield from self.flow_done()


def install() -> None:
    """Let mitmproxy use these in place of its own."""
    http.HttpStream = PromptStream  # type: ignore[misc]
    http.Http1Server = BoundedServer  # type: ignore[attr-defined]
    http.Http1Client = BoundedClient  # type: ignore[attr-defined]
