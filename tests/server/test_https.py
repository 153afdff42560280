"""DNS over HTTPS on real connections: HTTP/2 and HTTP/1.1, what is wrong with requests, and what ends a connection."""

import asyncio
import re
import ssl
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import uvloop

from dnsfilter.config import Certificate
from dnsfilter.resolver import Pending
from dnsfilter.server.http2 import MAX_RESETS, MAX_STREAMS
from dnsfilter.server.https import HttpsServer
from dnsfilter.server.requests import MAX_FIELDS, MAX_HELD
from dnsfilter.server.tcp import IDLE_SECONDS
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import identifier_of, make_query, make_resolver, make_response, rcode_of

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
        self.server = HttpsServer(self.resolver, lambda pending, _: self.pending.append(pending), lambda: None)
        self.server.adopt(certificate)
        self.certificate = certificate

    async def listen(self) -> None:
        """Open the port."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self.server.make_connection, "127.0.0.1", 0)

    @asynccontextmanager
    async def connect(self, protocol: str = "h2") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection over TLS."""
        trust = ssl.create_default_context(cafile=self.certificate.chain)
        trust.set_alpn_protocols([protocol])
        port = self._listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="dns.example")
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


@pytest.fixture
def house(tmp_path: Path) -> House:
    file = str(make_certificate(tmp_path, "dns.example"))
    return House(Certificate(chain=file, key=file))


@pytest.fixture
def tell(house):
    """Run a story over one HTTP/2 connection."""

    def run(story: Story) -> None:
        async def begin() -> None:
            await house.listen()
            async with house.connect() as (reader, writer):
                await story(house, Client(reader, writer))

        uvloop.run(begin())

    return run


def test_get_and_post(tell):
    """Both ways of asking give the sinkhole's answer, fresh for as long as it lives, with the ID that was sent."""

    async def story(_house: House, client: Client) -> None:
        query = make_query(LISTED)
        streams = [client.get(query), client.post(query)]
        for stream in streams:
            response = await client.receive(stream)
            assert response.status == 200
            assert identifier_of(response.body) == identifier_of(query)
            assert response.headers["content-type"] == MEDIA_TYPE
            assert response.headers["content-length"] == str(len(response.body))
            assert response.headers["cache-control"] == "max-age=10"
            assert response.headers["date"].endswith(" GMT")

    tell(story)


def test_head(tell):
    """HEAD gets the fields of GET without its body."""

    async def story(_house: House, client: Client) -> None:
        query = make_query(LISTED)
        whole = await client.receive(client.get(query))
        head = await client.receive(client.start("HEAD", path_of(query)))
        assert head.body == b""
        assert head.headers["content-length"] == whole.headers["content-length"]

    tell(story)


def test_an_upstream_answers_later_on_its_stream(tell):
    """Queries that wait do not hold up others, and are answered in any order, padded where the client pads."""

    async def story(house: House, client: Client) -> None:
        first = client.get(make_query("a.example")[:-2] + PADDING)
        second = client.post(make_query("b.example"))
        local = await client.receive(client.get(make_query(LISTED)))
        assert local.status == 200
        assert len(house.pending) == 2
        house.answer(1)
        answer = await client.receive(second)
        assert (rcode_of(answer.body), len(answer.body) < 468) == (0, True)
        house.answer()
        answer = await client.receive(first)
        assert len(answer.body) == 468
        assert answer.headers["cache-control"] == "max-age=300"

    tell(story)


def test_an_answer_for_a_stream_that_is_gone(tell):
    """What the upstream says to a query whose stream was reset, or whose connection is closed, goes nowhere."""

    async def story(house: House, client: Client) -> None:
        stream = client.get(make_query("a.example"))
        client.flush()
        await house.wait_for(lambda: len(house.pending) == 1)
        client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        assert (await client.receive(client.get(make_query(LISTED)))).status == 200
        house.answer()
        client.get(make_query("b.example"))
        client.flush()
        await house.wait_for(lambda: len(house.pending) == 1)
        client.writer.transport.abort()
        await house.wait_for(lambda: not house.server.connections)
        house.answer()

    tell(story)


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("GET", "/", {}, 404),
        ("GET", "/dns-query/", {}, 404),
        ("GET", "/dns-query", {}, 400),
        ("GET", "/dns-query?dns=", {}, 400),
        ("GET", "/dns-query?dns=AAAB", {}, 400),
        ("GET", "/dns-query?dns=A", {}, 400),
        ("GET", f"{path_of(make_query(LISTED))}=", {}, 400),
        ("GET", "/dns-query?dns=AA+/AAAA", {}, 400),
        ("GET", path_of(make_response(make_query())), {}, 400),
        ("GET", path_of(b"a" * 12_000), {}, 414),
        ("PUT", path_of(make_query()), {}, 405),
        ("GET", path_of(make_query(LISTED)), {"accept": "text/html"}, 406),
        ("GET", path_of(make_query(LISTED)), {"accept": "application/dns-message;q=0"}, 406),
        ("GET", path_of(make_query(LISTED)), {"accept": "text/html, application/*;q=0.5"}, 200),
        ("GET", f"/dns-query?ct&{path_of(make_query(LISTED)).partition('?')[2]}", {}, 200),
    ],
)
def test_wrong_requests(tell, method, path, fields, status):
    """Each wrong request gets the status that says what is wrong, and the connection goes on."""

    async def story(_house: House, client: Client) -> None:
        response = await client.receive(client.start(method, path, **fields))
        assert response.status == status
        assert bool(response.body) == (status == 200)
        if status == 405:
            assert response.headers["allow"] == "GET, HEAD, POST"
        assert (await client.receive(client.get(make_query(LISTED)))).status == 200

    tell(story)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (make_query(LISTED), "application/json", 415),
        (make_query(LISTED), "Application/DNS-Message; x=y", 200),
        (b"", MEDIA_TYPE, 400),
        (b"12345678901", MEDIA_TYPE, 400),
    ],
)
def test_wrong_bodies(tell, body, media_type, status):
    """What is posted must be a DNS message and say so."""

    async def story(_house: House, client: Client) -> None:
        response = await client.receive(client.post(body, media_type))
        assert response.status == status
        if status == 415:
            assert response.headers["accept-post"] == MEDIA_TYPE

    tell(story)


def test_a_malformed_query_is_dns_business(tell):
    """A message with a header and garbage is answered FORMERR, which is a success of HTTP (RFC 8484 section 4.2.1)."""

    async def story(_house: House, client: Client) -> None:
        response = await client.receive(client.post(make_query()[:12] + b"\xff" * 20))
        assert (response.status, rcode_of(response.body)) == (200, 1)
        assert response.headers["cache-control"] == "max-age=0"

    tell(story)


def test_a_body_that_is_too_large(tell):
    """More than a DNS message can hold is refused while it is still being sent, and the connection goes on."""

    async def story(_house: House, client: Client) -> None:
        stream = client.start("POST", "/dns-query", end=False, content_type=MEDIA_TYPE)
        sent = 0
        while sent <= 65_535:
            size = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size)
            if size:
                client.h2.send_data(stream, bytes(size))
                client.flush()
                sent += size
            else:
                for event in client.h2.receive_data(await client.reader.read(65_536)):
                    client._take(event)
        assert (await client.receive(stream)).status == 413
        assert (await client.receive(client.get(make_query(LISTED)))).status == 200

    tell(story)


def test_rapid_reset_ends_the_connection(tell):
    """A client that asks and gives up over and over is cut off soon (CVE-2023-44487)."""

    async def story(house: House, client: Client) -> None:
        for _ in range(MAX_RESETS * 2):
            stream = client.get(make_query("a.example"))
            client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            client.flush()
        assert await client.is_closed()
        assert not house.server.connections
        assert len(house.pending) <= MAX_RESETS + 1

    tell(story)


def raw_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def test_a_flood_of_continuations_ends_the_connection(tell):
    """Fields that never end are cut off (CVE-2024-28182)."""

    async def story(house: House, client: Client) -> None:
        client.writer.write(raw_frame(1, 0, 1, b"\x82"))
        client.writer.write(raw_frame(9, 0, 1, b"\x00\x01a\x01b" * 2000) * 50)
        assert await client.is_closed()
        assert not house.server.connections

    tell(story)


def test_a_bomb_of_fields_ends_the_connection(tell):
    """A few octets that stand for megabytes of fields are not unpacked (HPACK bomb)."""

    async def story(house: House, client: Client) -> None:
        value = b"x" * 4000
        entry = b"\x40\x01a\x7f" + bytes([0x80 | (4000 - 127) & 0x7F, (4000 - 127) >> 7]) + value
        client.writer.write(raw_frame(1, 0x5, 1, b"\x82\x87\x84" + entry + b"\xbe" * 10_000))
        assert await client.is_closed()
        assert not house.server.connections

    tell(story)


def test_a_window_that_stays_shut_ends_the_connection(tell, monkeypatch):
    """Responses that the client takes no octet of are held up to a bound."""
    monkeypatch.setattr("dnsfilter.server.http2.MAX_HELD", 1000)

    async def story(house: House, client: Client) -> None:
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        for _ in range(MAX_STREAMS // 2):
            client.get(make_query(LISTED))
        client.flush()
        assert await client.is_closed()
        assert not house.server.connections

    tell(story)


def test_pings_do_not_keep_a_connection(tell):
    """A connection that asks nothing is closed when its time is over, however much else it sends."""

    async def story(house: House, client: Client) -> None:
        assert (await client.receive(client.get(make_query(LISTED)))).status == 200
        (connection,) = house.server.connections
        connection.active -= IDLE_SECONDS
        client.h2.ping(b"12345678")
        client.flush()
        await asyncio.sleep(0.1)
        house.server.close_idle(monotonic() + 0.1)
        assert await client.is_closed()

    tell(story)


def test_what_is_no_http_2(tell):
    """Octets that are no HTTP/2 end the connection."""

    async def story(house: House, client: Client) -> None:
        client.writer.write(b"\0" * 100)
        assert await client.is_closed()
        await house.wait_for(lambda: not house.server.connections)

    tell(story)


def talk(house: House, *requests: bytes) -> bytes:
    """Return all that HTTP/1.1 requests get until the server closes or a second has passed; then answer what waits."""

    async def run() -> bytes:
        await house.listen()
        async with house.connect("http/1.1") as (reader, writer):
            received = b""
            for request in requests:
                writer.write(request)
            while True:
                try:
                    data = await asyncio.wait_for(reader.read(65_536), 0.3)
                except TimeoutError:
                    if not house.pending:
                        return received
                    house.answer()
                    continue
                if not data:
                    return received + b"<closed>"
                received += data

    return uvloop.run(run())


def http1(method: str, path: str, body: bytes = b"", *fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: dns.example", *fields]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_http_1_1(house):
    """Pipelined requests are answered one after the other, from an upstream too, by the same rules."""
    query = make_query(LISTED)
    received = talk(
        house,
        http1("GET", path_of(make_query("a.example")))
        + http1("POST", "/dns-query", query, f"content-type: {MEDIA_TYPE}"),
        http1("HEAD", path_of(query)) + http1("GET", "/other"),
    )
    statuses = [int(status) for status in re.findall(rb"HTTP/1.1 ([0-9]+) ", received)]
    assert statuses == [200, 200, 200, 404]
    assert received.count(b"\x03www\x06tiktok\x03com") == 1
    assert not received.endswith(b"<closed>")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (http1("GET", "/dns-query", b"", "x: " + "y" * MAX_FIELDS), 431),
        (http1("POST", "/dns-query", bytes(70_000), f"content-type: {MEDIA_TYPE}"), 413),
        (http1("GET", path_of(make_query(LISTED)), b"", "connection: close"), 200),
    ],
)
def test_http_1_1_that_is_closed(house, request_, status):
    """What cannot be gone on with is answered and closed."""
    received = talk(house, request_)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert received.endswith(b"<closed>")


def test_http_1_1_sent_too_far_ahead(house):
    """Who goes on sending without waiting for answers is cut off."""
    request = http1("GET", path_of(make_query("a.example")))
    many = request * (3 * MAX_HELD // len(request))

    async def run() -> bool:
        await house.listen()
        async with house.connect("http/1.1") as (reader, writer):
            writer.write(many)
            return await Client.is_closed(type("_", (), {"reader": reader})())

    assert uvloop.run(run())
