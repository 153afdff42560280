"""The TCP server on real connections, under both event loops."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from time import monotonic
from typing import Any

import pytest
import uvloop

from dnsfilter.resolver import Pending
from dnsfilter.server import tcp
from dnsfilter.server.tcp import IDLE_SECONDS, TcpServer
from tests.fakes.resolving import identifier_of, make_query, make_resolver, make_response, rcode_of

LISTED = "www.tiktok.com"

Run = Callable[[Callable[["House"], Awaitable[None]]], None]


def frame(message: bytes) -> bytes:
    return struct.pack("!H", len(message)) + message


class Client:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, data: bytes) -> None:
        """Write octets."""
        self._writer.write(data)

    async def receive(self) -> bytes:
        """Return the next message."""
        async with asyncio.timeout(5):
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            return await self._reader.readexactly(length)

    async def ask(self, query: bytes) -> bytes:
        """Send a query and return the next message."""
        self.send(frame(query))
        return await self.receive()

    async def is_closed(self) -> bool:
        """Whether the server has closed the connection; waits for it a moment."""
        try:
            async with asyncio.timeout(2):
                return await self._reader.read(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    async def is_open(self) -> bool:
        """Whether a query is still answered."""
        return rcode_of(await self.ask(make_query(LISTED))) == 0

    def close(self) -> None:
        """Close the client's side."""
        self._writer.close()


class House:
    """A server that listens; queries that want an upstream gather in `pending`."""

    def __init__(self) -> None:
        self.resolver = make_resolver(rate_limit={"per_client_qps": 0})
        self.pending: list[Pending] = []
        self.flushes = 0
        self.server = TcpServer(self.resolver, lambda pending, _: self.pending.append(pending), self._flush)
        self._clients: list[Client] = []

    def _flush(self) -> None:
        assert self.pending
        self.flushes += 1

    @contextlib.asynccontextmanager
    async def listen(self, host: str = "127.0.0.1") -> AsyncIterator[None]:
        """Serve for as long as the context lasts."""
        listening = await asyncio.get_running_loop().create_server(self.server.make_connection, host, 0)
        self.place = listening.sockets[0].getsockname()[:2]
        try:
            yield
        finally:
            for client in self._clients:
                client.close()
            listening.close()

    async def connect(self) -> Client:
        """Return a new connection."""
        self._clients.append(Client(*await asyncio.open_connection(*self.place)))
        return self._clients[-1]

    async def settle(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is waited for knows no events
                await asyncio.sleep(0.005)

    def resolve(self, pending: Pending) -> None:
        """Answer a query that waits, as an upstream would."""
        answer = self.resolver.accept(pending.query, make_response(make_query(pending.query.name)), monotonic())
        pending.send(pending.token, self.resolver.finish(pending, answer, monotonic()))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Run a test with a house; fail when anything was raised where nobody looks."""
    unexpected: list[dict[str, Any]] = []

    def run_test(test: Callable[[House], Awaitable[None]]) -> None:
        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
            house = House()
            async with house.listen():
                await test(house)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())

    yield run_test
    assert unexpected == []


def test_pipelined_queries(run: Run) -> None:
    """Many queries in one write are all answered, in order where nothing waits."""

    async def test(house: House) -> None:
        client = await house.connect()
        client.send(b"".join(frame(make_query(LISTED, 1, number)) for number in range(300)))
        assert [identifier_of(await client.receive()) for _ in range(300)] == list(range(300))

    run(test)


def test_one_octet_at_a_time(run: Run) -> None:
    """However a query is cut, it is answered once it is whole."""

    async def test(house: House) -> None:
        client = await house.connect()
        for octet in frame(make_query(LISTED, 28, 7)) + frame(make_query(LISTED, 1, 8))[:-1]:
            client.send(bytes([octet]))
            await asyncio.sleep(0.001)
        assert identifier_of(await client.receive()) == 7
        client.send(frame(make_query(LISTED, 1, 8))[-1:])
        assert identifier_of(await client.receive()) == 8

    run(test)


def test_answers_that_come_later(run: Run) -> None:
    """What waits for an upstream holds nothing up, is sent to the upstream at once, and gets its answer later."""

    async def test(house: House) -> None:
        client = await house.connect()
        names = ["a.example", LISTED, "b.example"]
        client.send(b"".join(frame(make_query(name, 1, number)) for number, name in enumerate(names)))
        assert identifier_of(await client.receive()) == 1
        assert [pending.query.name for pending in house.pending] == ["a.example", "b.example"]
        assert house.flushes == 1
        for pending in reversed(house.pending):
            house.resolve(pending)
        assert [identifier_of(await client.receive()) for _ in range(2)] == [2, 0]

    run(test)


def test_long_answers_are_whole(run: Run) -> None:
    """What a datagram could not carry is sent in full."""

    async def test(house: House) -> None:
        client = await house.connect()
        client.send(frame(make_query("long.example")))
        await house.settle(lambda: house.pending)
        pending = house.pending[0]
        record = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\x0a"
        message = bytearray(make_response(make_query("long.example")))
        message[6:8] = (301).to_bytes(2, "big")
        answer = house.resolver.accept(pending.query, bytes(message) + record * 300, monotonic())
        pending.send(pending.token, house.resolver.finish(pending, answer, monotonic()))
        response = await client.receive()
        assert len(response) > 301 * 16
        assert not response[2] & 2

    run(test)


@pytest.mark.parametrize("garbage", [b"\0\0", frame(b"hello"), frame(make_response(make_query()))])
def test_garbage_closes(run: Run, garbage: bytes) -> None:
    """What is no query ends the connection, and only that one."""

    async def test(house: House) -> None:
        client, other = await house.connect(), await house.connect()
        client.send(garbage)
        assert await client.is_closed()
        assert await other.is_open()
        assert len(house.server.connections) == 1

    run(test)


def test_malformed_query_is_answered(run: Run) -> None:
    """A message that is a query but a broken one gets FORMERR and the connection goes on."""

    async def test(house: House) -> None:
        client = await house.connect()
        assert rcode_of(await client.ask(make_query(LISTED)[:20])) == 1
        assert await client.is_open()

    run(test)


def test_idle_connections_are_closed(run: Run) -> None:
    """After the idle time without a word a connection is closed, before it is not."""

    async def test(house: House) -> None:
        client = await house.connect()
        assert await client.is_open()
        house.server.close_idle(monotonic() + IDLE_SECONDS - 1)
        assert await client.is_open()
        house.server.close_idle(monotonic() + IDLE_SECONDS + 0.1)
        assert await client.is_closed()
        assert not house.server.connections

    run(test)


def test_the_longest_idle_gives_way(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound a new connection takes the place of the one that was silent for longest."""
    monkeypatch.setattr(tcp, "MAX_CONNECTIONS", 5)

    async def test(house: House) -> None:
        clients = []
        for _ in range(5):
            clients.append(await house.connect())
            assert await clients[-1].is_open()
        assert await clients[0].is_open()
        clients.append(await house.connect())
        assert await clients[-1].is_open()
        assert await clients[1].is_closed()
        assert len(house.server.connections) == 5
        for index in (0, 2, 3, 4, 5):
            assert await clients[index].is_open()

    run(test)


def test_a_peer_that_does_not_read(run: Run) -> None:
    """Who asks and never reads is closed before his answers fill our memory."""

    async def test(house: House) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, house.place)
        queries = frame(make_query(LISTED)) * 500
        with contextlib.suppress(OSError):
            for _ in range(400):
                await asyncio.wait_for(loop.sock_sendall(sock, queries), 5)
        await house.settle(lambda: not house.server.connections)
        sock.close()

    run(test)


def test_a_peer_that_is_gone(run: Run) -> None:
    """An answer for a connection that has ended goes nowhere and harms nobody."""

    async def test(house: House) -> None:
        client = await house.connect()
        client.send(frame(make_query("late.example")))
        await house.settle(lambda: house.pending)
        client.close()
        await house.settle(lambda: not house.server.connections)
        house.resolve(house.pending[0])
        assert await (await house.connect()).is_open()

    run(test)


def test_many_come_and_go(run: Run) -> None:
    """Connections that were closed leave nothing behind."""

    async def test(house: House) -> None:
        for _ in range(200):
            client = await house.connect()
            assert await client.is_open()
            client.close()
        await house.settle(lambda: not house.server.connections)

    run(test)


class GoneTransport(asyncio.Transport):
    """A connection that was reset before anybody asked who it was."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        """Know nothing."""
        return default

    def abort(self) -> None:
        """Note that it was asked for."""
        self.is_aborted = True


def test_a_peer_without_a_name() -> None:
    """A connection that ended before it was accepted is dropped and takes no place."""
    house = House()
    transport = GoneTransport()
    connection = house.server.make_connection()
    connection.connection_made(transport)
    connection.connection_lost(None)
    assert transport.is_aborted
    assert not house.server.connections
