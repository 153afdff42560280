"""A DNS over HTTPS server in a loop, and a client of HTTP/2 for it."""

import asyncio
import ssl
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.errors
import h2.events

from dnsfilter.resolver import Pending
from dnsfilter.server.https import HttpsServer
from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.settings.resolver import Certificate, Connections
from tests.fakes.resolving import make_query, make_resolver, make_response

LISTED = "www.tiktok.com"
PADDING = b"\0\4\0\x0c\0\0"
MEDIA_TYPE = "application/dns-message"


def path_of(query: bytes) -> str:
    return f"/dns-query?dns={urlsafe_b64encode(query).decode().rstrip('=')}"


class Response:
    """A response as far as it has arrived."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_complete = False

    @property
    def status(self) -> int:
        """The status, 0 before it is there."""
        return int(self.headers.get(":status", 0))


class Client:
    """One HTTP/2 connection to the server, by the h2 library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.responses: dict[int, Response] = {}
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what h2 has to send."""
        self.writer.write(self.h2.data_to_send())

    def start(self, method: str, path: str, *, end: bool = True, **fields: str) -> int:
        """Send the fields of a request and return its stream."""
        stream = self.h2.get_next_available_stream_id()
        named = [(name.replace("_", "-"), value) for name, value in fields.items()]
        basic = [(":method", method), (":scheme", "https"), (":authority", "dns.example"), (":path", path)]
        self.h2.send_headers(stream, basic + named, end_stream=end)
        self.responses[stream] = Response()
        return stream

    def get(self, query: bytes) -> int:
        """Ask by GET."""
        return self.start("GET", path_of(query))

    def post(self, body: bytes, media_type: str = MEDIA_TYPE) -> int:
        """Ask by POST; the body must fit the window."""
        stream = self.start("POST", "/dns-query", end=False, content_type=media_type)
        size = self.h2.max_outbound_frame_size
        for start in range(0, len(body), size):
            self.h2.send_data(stream, body[start : start + size])
        self.h2.end_stream(stream)
        return stream

    async def receive(self, stream: int) -> Response:
        """Return the response on a stream."""
        self.flush()
        async with asyncio.timeout(5):
            while not self.responses[stream].is_complete:
                data = await self.reader.read(65_536)
                assert data, "the server has closed the connection"
                for event in self.h2.receive_data(data):
                    self._take(event)
                self.flush()
        return self.responses[stream]

    def _take(self, event: h2.events.Event) -> None:
        response = self.responses.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, h2.events.ResponseReceived):
            response.headers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            response.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            response.is_complete = True

    async def is_closed(self) -> bool:
        """Whether the server closes the connection within a moment, whatever it still sends."""
        try:
            async with asyncio.timeout(3):
                while await self.reader.read(65_536):
                    pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True


class House:
    """A server that listens; queries that want an upstream gather in `pending`."""

    def __init__(self, certificate: Certificate) -> None:
        self.resolver = make_resolver(rate_limit={"per_client_qps": 0})
        self.pending: list[Pending] = []
        places = Places(Connections())
        self.server = HttpsServer(
            self.resolver, lambda pending, _: self.pending.append(pending), lambda: None, places, Precedence()
        )
        self.server.adopt(certificate)
        self.certificate = certificate

    async def listen(self) -> None:
        """Open the port."""
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(self.server.make_connection, "127.0.0.1", 0)
        self.place = listening.sockets[0].getsockname()[:2]

    @asynccontextmanager
    async def connect(self, protocol: str = "h2") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection over TLS."""
        trust = ssl.create_default_context(cafile=self.certificate.chain)
        trust.set_alpn_protocols([protocol])
        reader, writer = await asyncio.open_connection(*self.place, ssl=trust, server_hostname="dns.example")
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == protocol
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def answer(self, position: int = 0) -> None:
        """Let the upstream answer one of the queries that wait."""
        waiting = self.pending.pop(position)
        response = make_response(make_query(waiting.query.name))
        waiting.send(
            waiting.token, self.resolver.finish(waiting, self.resolver.accept(waiting.query, response, 0.0), 0.0)
        )

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - the server runs in this loop
                await asyncio.sleep(0.01)


Story = Callable[[House, Client], Awaitable[None]]
