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
from dnsfilter.server import places
from dnsfilter.server.places import Places
from dnsfilter.server.tcp import TcpServer
from dnsfilter.settings.resolver import Connections
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

    def __init__(self, **connections: Any) -> None:
        self.resolver = make_resolver(rate_limit={"per_client_qps": 0})
        self.pending: list[Pending] = []
        self.flushes = 0
        self.places = Places(Connections(**connections))
        submit = lambda pending, _: self.pending.append(pending)  # noqa: E731
        self.server = TcpServer(self.resolver, submit, self._flush, self.places)
        self._clients: list[Client] = []

    def _flush(self) -> None:
        assert self.pending
        self.flushes += 1

    @contextlib.asynccontextmanager
    async def listen(self, host: str = "127.0.0.1") -> AsyncIterator[None]:
        """Serve for as long as the context lasts."""
        listening = await asyncio.get_running_loop().create_server(self.server.make_connection, host, 0)
        listening.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # connections inherit it
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
        assert len(house.server.places) == 1

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
        house.places.close_idle(monotonic() + house.places.idle - 1)
        assert await client.is_open()
        house.places.close_idle(monotonic() + house.places.idle + 0.1)
        assert await client.is_closed()
        assert not house.server.places

    run(test)


def test_the_longest_idle_gives_way(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound a new connection takes the place of the one that was silent for longest."""
    monkeypatch.setattr(places, "RESOLUTION", 0.0)

    async def test(house: House) -> None:
        house.places.adopt(Connections(maximum=5))
        clients = []
        for _ in range(5):
            clients.append(await house.connect())
            assert await clients[-1].is_open()
        assert await clients[0].is_open()
        clients.append(await house.connect())
        assert await clients[-1].is_open()
        assert await clients[1].is_closed()
        assert len(house.server.places) == 5
        for index in (0, 2, 3, 4, 5):
            assert await clients[index].is_open()

    run(test)


def test_late_answers_that_are_not_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks and never reads is closed before answers that come later fill our memory."""
    monkeypatch.setattr("dnsfilter.server.tcp.MAX_UNREAD", 0)

    async def test(house: House) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, house.place)
        flood = loop.create_task(loop.sock_sendall(sock, frame(make_query(LISTED)) * 100_000))
        await house.settle(lambda: house.places.closed)
        assert house.places.closed == {"unread": 1}
        assert not house.places
        with contextlib.suppress(OSError):
            await flood
        sock.close()

    run(test)


def test_a_slow_query_does_not_keep_a_connection(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Octets that never make a query whole are no activity: a connection that drips is closed like an idle one."""
    monkeypatch.setattr(places, "RESOLUTION", 0.0)

    async def test(house: House) -> None:
        client = await house.connect()
        assert await client.is_open()
        (connection,) = house.places
        before = connection.active
        for octet in frame(make_query(LISTED))[:20]:
            client.send(bytes([octet]))
            await asyncio.sleep(0.002)
        assert connection.active == before
        house.places.close_idle(before + house.places.idle + 0.01)
        assert await client.is_closed()
        assert house.places.closed == {"idle": 1}

    run(test)


def test_more_queries_than_are_read(run: Run) -> None:
    """A client that sends 20,000 queries before it reads anything is held up alone, and gets every answer."""

    async def test(house: House) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, house.place)
        reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
        writer.write(b"".join(frame(make_query(LISTED, 1, number)) for number in range(20_000)))
        await house.settle(lambda: house.places and next(iter(house.places))._is_unread)
        (connection,) = house.places
        assert connection._transport.get_write_buffer_size() < 512 * 1024
        assert await (await house.connect()).is_open()
        patient = Client(reader, writer)
        assert [identifier_of(await patient.receive()) for _ in range(20_000)] == list(range(20_000))
        patient.close()

    run(test)


def test_who_reads_nothing_has_his_time_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not read from, for its answers are not taken, is closed when the idle time is over."""
    monkeypatch.setattr(places, "RESOLUTION", 0.0)

    async def test(house: House) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, house.place)
        flood = loop.create_task(loop.sock_sendall(sock, frame(make_query(LISTED)) * 200_000))
        await house.settle(lambda: house.places and next(iter(house.places))._is_unread)
        await asyncio.sleep(0.1)
        (connection,) = house.places
        house.places.close_idle(connection.active + house.places.idle + 0.01)
        assert not house.places
        with contextlib.suppress(OSError):
            await flood
        sock.close()

    run(test)


def test_queries_that_wait_are_bounded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection has so many queries at upstreams at a time; the others follow when answers come, out of order."""
    monkeypatch.setattr("dnsfilter.server.tcp.MAX_WAITING", 10)

    async def test(house: House) -> None:
        client = await house.connect()
        client.send(b"".join(frame(make_query(f"n{number}.example", 1, number)) for number in range(100)))
        got: list[int] = []
        while len(got) < 100:
            await house.settle(lambda: house.pending)
            await asyncio.sleep(0.01)
            assert len(house.pending) <= 10
            assert next(iter(house.places)).is_busy
            waiting, house.pending[:] = house.pending[::-1], []
            for pending in waiting:
                house.resolve(pending)
            got += [identifier_of(await client.receive()) for _ in waiting]
        assert sorted(got) == list(range(100))
        assert got != sorted(got)
        assert not next(iter(house.places)).is_busy

    run(test)


def test_finish(run: Run) -> None:
    """A connection that is finished gets an end and no reset, whatever its client still sends."""

    async def test(house: House) -> None:
        client = await house.connect()
        assert await client.is_open()
        next(iter(house.places)).finish()
        client.send(frame(make_query(LISTED)))
        assert await client._reader.read() == b""
        client.close()
        await house.settle(lambda: not house.places)

    run(test)


def test_a_peer_that_is_gone(run: Run) -> None:
    """An answer for a connection that has ended goes nowhere and harms nobody."""

    async def test(house: House) -> None:
        client = await house.connect()
        client.send(frame(make_query("late.example")))
        await house.settle(lambda: house.pending)
        client.close()
        await house.settle(lambda: not house.server.places)
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
        await house.settle(lambda: not house.server.places)

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
    assert not house.server.places
