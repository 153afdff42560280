"""What a connection over TCP may take of us: time, memory, places; on real connections, under both event loops."""

import asyncio
import contextlib
import socket
from time import monotonic

import pytest

from dnsfilter.server import places
from dnsfilter.settings.resolver import Connections
from tests.fakes.connections import LISTED, Client, House, Run, frame
from tests.fakes.resolving import identifier_of, make_query


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
        await house.settle(lambda: house.places and getattr(next(iter(house.places)), "_is_unread", False))
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
        await house.settle(lambda: house.places and getattr(next(iter(house.places)), "_is_unread", False))
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
