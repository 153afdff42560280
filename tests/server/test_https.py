"""DNS over HTTPS on real connections: HTTP/2 and HTTP/1.1, and what is wrong with requests."""

import asyncio
import inspect
import re

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import uvloop

from dnsfilter.resolver import Pending
from dnsfilter.server.http2 import MAX_STREAMS
from dnsfilter.server.requests import MAX_FIELDS, MAX_HELD
from tests.fakes.looping import run_strictly
from tests.fakes.resolving import identifier_of, make_query, make_response, rcode_of
from tests.fakes.web import LISTED, MEDIA_TYPE, PADDING, Client, House, path_of


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


def test_answers_that_come_at_once(tell):
    """Queries that are answered while they are submitted, as all are in a flood, are no deeper in each other for it."""

    async def story(house: House, client: Client) -> None:
        depths = []

        def submit(waiting: Pending, _now: float) -> None:
            depths.append(len(inspect.stack(0)))
            waiting.send(waiting.token, house.resolver.fail(waiting, 0.0))

        house.server.submit = submit
        streams = [client.get(make_query(f"n{number}.example")) for number in range(MAX_STREAMS)]
        for stream in streams:
            assert rcode_of((await client.receive(stream)).body) == 2
        assert len(depths) == MAX_STREAMS
        assert len(set(depths)) == 1

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
        await house.wait_for(lambda: not house.server.places)
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
        ("GET", path_of(b"a" * 48_000), {}, 414),
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


def test_who_leaves_during_the_handshake(house):
    """A connection that ends before HTTP begins ends quietly."""

    async def leave() -> None:
        await house.listen()
        for data in (b"", b"\x16\3\1\0\2ab", b"GET / HTTP/1.1\r\n\r\n"):
            _, writer = await asyncio.open_connection(*house.place)
            writer.write(data)
            await asyncio.sleep(0.02)
            writer.transport.abort()
        await asyncio.sleep(0.05)
        assert not len(house.server.places)

    run_strictly(leave, uvloop.new_event_loop)
