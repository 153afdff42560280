"""DNS over HTTPS (RFC 8484): connections of `tls` that speak HTTP/2 or, as ALPN decides, HTTP/1.1.

What a request means is in `requests`, the two versions of HTTP in `http2` and `http1`.
"""

import asyncio
from time import time
from typing import ClassVar, cast

from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.server.http1 import Http1
from dnsfilter.server.http2 import Http2
from dnsfilter.server.requests import (
    BAD_REQUEST,
    HttpError,
    Refusal,
    Request,
    read_name,
    read_query,
    refusal_fields,
    response_fields,
)
from dnsfilter.server.tls import PaddedConnection, TlsServer
from dnsfilter.wire.freshness import find_max_age
from dnsfilter.wire.padding import pad, wants_padding

_OK = 200


class HttpsConnection(PaddedConnection):
    """One client connection that speaks HTTP."""

    _server_name = ""
    _is_serving = False

    def __init__(self, server: TlsServer, client: bytes = b"", stated: str = "") -> None:
        super().__init__(server, client, stated)
        self._http: Http1 | Http2 | None = None  # here, for a compiled class has no default of None for such a union

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Speak what both agreed on during the handshake (RFC 7301); HTTP/2 begins with our settings."""
        super().connection_made(transport)
        self._server_name = self.name
        tls = transport.get_extra_info("ssl_object")
        self._http = Http2() if tls and tls.selected_alpn_protocol() == "h2" else Http1()
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Give up the place, and the state of HTTP."""
        super().connection_lost(error)
        http, self._http = self._http, None
        if http:
            http.close()

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete; all answers at hand go out in one write."""
        if not self._http:
            return
        try:
            self._http.feed(data)
        except HttpError:
            self.close()
            return
        self._serve()

    def _serve(self) -> None:
        """Answer what can be answered now, and send it."""
        http = self._http
        assert http
        is_waiting = False
        self._is_serving = True
        try:
            request = http.next_request()
            if request:
                now = self.touch()
                while request:
                    is_waiting = self._handle(request, now) or is_waiting
                    request = http.next_request()
        except HttpError:
            self.close()
            return
        finally:
            self._is_serving = False
        if is_waiting:
            self._server.flush()
        self._send()

    def _handle(self, request: Request, now: float) -> bool:
        """Answer a request, or submit its query; whether it waits now."""
        is_head = request.method == b"HEAD"
        query = read_query(request)
        if isinstance(query, Refusal):
            self._refuse(request.stream, query)
            return False
        self.name = read_name(request) or self._server_name
        result = self._answer(query, now)
        if isinstance(result, Pending):
            result.send, result.token = self._send_later, (request.stream, is_head, wants_padding(result.query))
            self._waiting += 1
            self._server.submit(result, now)
            return True
        if result is None:
            self._refuse(request.stream, BAD_REQUEST)
        else:
            self._respond(request.stream, result, is_head=is_head)
        return False

    def _send_later(self, token: object, response: bytes) -> None:
        self._waiting -= 1
        if not self._http:
            return
        stream, is_head, is_padded = cast("tuple[int, bool, bool]", token)
        self._respond(stream, pad(response) if is_padded else response, is_head=is_head)
        if not self._is_serving:  # a query that is turned back at once is answered within
            self._serve()

    def _respond(self, stream: int, response: bytes, *, is_head: bool) -> None:
        assert self._http
        fields = response_fields(len(response), find_max_age(response), int(time()))
        self._http.respond(stream, _OK, fields, b"" if is_head else response)

    def _refuse(self, stream: int, refusal: Refusal) -> None:
        assert self._http
        self._http.respond(stream, refusal.status, refusal_fields(refusal, int(time())), b"")

    def _send(self) -> None:
        http = self._http
        assert http
        try:
            output = http.take_output()
        except HttpError:
            self.close()
            return
        if output:
            self._write(output)
        if http.is_over:
            self._transport.close()


class HttpsServer(TlsServer):
    """Makes the connections of one worker that speak HTTP."""

    transport: ClassVar[Transport] = Transport.HTTPS
    protocols: ClassVar[tuple[str, ...]] = ("h2", "http/1.1")
    connection: ClassVar[type[PaddedConnection]] = HttpsConnection
