"""The TCP server on real connections, under both event loops."""

import asyncio
from time import monotonic
from typing import Any

import pytest

from tests.fakes.connections import LISTED, House, Run, frame
from tests.fakes.resolving import identifier_of, make_query, make_response, rcode_of


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


@pytest.mark.parametrize("waiting", [0, 1, 3])
def test_a_client_that_has_asked_everything(run: Run, waiting: int) -> None:
    """RFC 1035 section 4.2.2: who ends his side after his last query still gets all answers, and then the end."""

    async def test(house: House) -> None:
        client = await house.connect()
        for number in range(waiting):
            client.send(frame(make_query(f"n{number}.example", 1, number)))
        client.send(frame(make_query(LISTED, 1, 100)))
        client.end()
        assert identifier_of(await client.receive()) == 100
        await house.settle(lambda: len(house.pending) == waiting)
        for number in reversed(range(waiting)):
            await asyncio.sleep(0.05)
            assert house.server.places
            house.resolve(house.pending[number])
            assert identifier_of(await client.receive()) == number
        assert await client.is_closed()
        await house.settle(lambda: not house.server.places)

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


@pytest.mark.interpreted
def test_a_defect_costs_one_query(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong with one query of a connection fails that one, and the next is answered."""

    async def test(house: House) -> None:
        client = await house.connect()
        with monkeypatch.context() as patched:
            patched.setattr(house.resolver.seats, "take_proven", {}.__getitem__)
            assert rcode_of(await client.ask(make_query(LISTED))) == 2
        assert rcode_of(await client.ask(make_query(LISTED))) == 0

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
        await asyncio.sleep(0.05)
        house.resolve(house.pending[0])
        await house.settle(lambda: not house.server.places)
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
