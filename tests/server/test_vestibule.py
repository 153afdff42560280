"""Who connects through a load balancer, and who only says so."""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from functools import partial
from ipaddress import ip_network

import pytest
import uvloop

from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.server.tcp import TcpServer
from dnsfilter.server.tls import TlsServer
from dnsfilter.server.vestibule import Vestibule
from dnsfilter.settings.resolver import Certificate, Connections
from tests.fakes.origin import make_certificate
from tests.fakes.proxying import SIGNATURE, make_header
from tests.fakes.resolving import identifier_of, make_query, make_resolver, rcode_of

LISTED = "www.tiktok.com"
QUERY = struct.pack("!H", len(make_query(LISTED))) + make_query(LISTED)
TRUSTED, OTHERS = ip_network("127.0.0.0/8"), ip_network("192.0.2.0/24")


class House:
    """A server behind a vestibule."""

    def __init__(self, trusted=TRUSTED) -> None:
        self.resolver = make_resolver(rate_limit={"per_client_qps": 0}, allow_clients=["10.0.0.0/8", "127.0.0.0/8"])
        self.places = Places(Connections())
        self.server = TcpServer(self.resolver, lambda *_: None, lambda: None, self.places, Precedence())
        self.trusted = [trusted]

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Serve, and open one connection."""
        make = partial(Vestibule, self.server, self.trusted)
        listening = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
        try:
            async with asyncio.timeout(5):
                yield reader, writer
        finally:
            writer.transport.abort()
            listening.close()


async def receive(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(length)


@pytest.mark.parametrize(("client", "rcode"), [("10.1.0.1", 0), ("192.0.2.7", 5)])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_who_asks_is_the_client(run, client, rcode):
    """It is the client of the header who is served or not, has the place and the seat, for the whole connection."""

    async def test() -> None:
        house = House()
        async with house.connect() as (reader, writer):
            for octet in make_header(client):
                writer.write(bytes([octet]))
                await asyncio.sleep(0)
            for _ in range(2):
                writer.write(QUERY)
                response = await receive(reader)
                assert (identifier_of(response), rcode_of(response)) == (identifier_of(make_query()), rcode)
            (connection,) = house.places
            assert connection.address == bytes(map(int, client.split(".")))

    run(test())


def test_header_and_query_in_one():
    """A header and the first queries may come in one segment; LOCAL means the load balancer itself."""

    async def test() -> None:
        house = House()
        async with house.connect() as (reader, writer):
            writer.write(make_header("192.0.2.7", command=0x20) + QUERY + QUERY)
            assert rcode_of(await receive(reader)) == 0
            assert rcode_of(await receive(reader)) == 0
            (connection,) = house.places
            assert connection.address == b"\x7f\0\0\1"

    uvloop.run(test())


@pytest.mark.parametrize(
    ("trusted", "data"),
    [
        (TRUSTED, QUERY),
        (TRUSTED, SIGNATURE + b"\x11\x11\0\x0c" + bytes(12)),
        (TRUSTED, b"PROXY TCP4 10.1.0.1 127.0.0.1 4000 53\r\n"),
        (OTHERS, make_header("10.1.0.1") + QUERY),
    ],
)
def test_refused(trusted, data):
    """A load balancer without a right header, and a right header of anybody else, are cut off and counted."""

    async def test() -> None:
        house = House(trusted)
        async with house.connect() as (reader, writer):
            writer.write(data)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert house.places.closed == {"proxy": 1}
            assert not house.places

    uvloop.run(test())


def test_others_need_no_header():
    """Who is no load balancer asks as ever."""

    async def test() -> None:
        house = House(OTHERS)
        async with house.connect() as (reader, writer):
            writer.write(QUERY)
            assert rcode_of(await receive(reader)) == 0

    uvloop.run(test())


def test_who_says_nothing_has_his_time():
    """A connection that never says who it is holds a place like any other, and is closed when idle."""

    async def test() -> None:
        house = House()
        async with house.connect() as (reader, writer):
            writer.write(SIGNATURE[:5])
            while not house.places:  # noqa: ASYNC110 - what is waited for knows no events
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.01)
            (waiting,) = house.places
            house.places.close_idle(waiting.active + house.places.idle + 1)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert house.places.closed == {"idle": 1}

    uvloop.run(test())


def test_before_tls(tmp_path):
    """The header comes before the handshake."""
    file = str(make_certificate(tmp_path, "dns.example"))

    async def test() -> None:
        house = House()
        house.server = TlsServer(house.resolver, lambda *_: None, lambda: None, house.places, Precedence())
        house.server.adopt(Certificate(chain=file, key=file))
        async with house.connect() as (reader, writer):
            writer.write(make_header("10.1.0.1"))
            await writer.start_tls(ssl.create_default_context(cafile=file), server_hostname="dns.example")
            writer.write(QUERY)
            assert rcode_of(await receive(reader)) == 0
            (connection,) = house.places
            assert connection.address == b"\x0a\1\0\1"

    uvloop.run(test())
