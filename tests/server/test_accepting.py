"""Connections that say nothing, little, or enough, at the door of one listening socket."""

import asyncio
import contextlib
import errno
import select
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from dnsfilter.model import Ending
from dnsfilter.server.accepting import BATCH, ENOUGH, Acceptor, Caller
from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.settings.resolver import Connections
from dnsfilter.wire.framing import is_whole
from tests.fakes.descriptors import open_descriptors
from tests.fakes.looping import run_strictly

WHOLE = b"\0\x03abc"


class Inside(asyncio.Protocol):
    """A protocol that notes what it hears."""

    def __init__(self, house: "House", address: bytes) -> None:
        self.house = house
        self.address = address
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it is there."""
        self.transport = transport
        self.house.inside.append(self)

    def data_received(self, data: bytes) -> None:
        """Note it."""
        self.heard += data


class House:
    """A listening socket with its acceptor, and plain sockets as clients."""

    def __init__(self, **connections: int) -> None:
        self.places = Places(Connections(**connections))
        self.inside: list[Inside] = []
        self.clients: list[socket.socket] = []
        self.served = 0

    @contextlib.asynccontextmanager
    async def listen(self, host: str = "127.0.0.1") -> AsyncIterator[None]:
        """Take connections for as long as the context lasts."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family, backlog=BATCH * 8) as listening:
            self.place = listening.getsockname()[:2]
            precedence = Precedence([self._serve_udp])
            make = lambda address: Inside(self, address)  # noqa: E731
            self.acceptor = Acceptor(listening, make, is_whole, self.places, precedence)
            try:
                yield
            finally:
                self.acceptor.close()
                for client in self.clients:
                    client.close()
                for each in self.inside:
                    each.transport.close()
                await self.settle(lambda: not self.callers)

    @property
    def callers(self) -> list[Caller]:
        """Who has said nothing whole yet."""
        return [holder for holder in self.places if isinstance(holder, Caller)]

    def connect(self) -> socket.socket:
        """Return a new connection."""
        self.clients.append(socket.create_connection(self.place, timeout=5))
        return self.clients[-1]

    async def settle(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is waited for knows no events
                await asyncio.sleep(0.002)

    def _serve_udp(self) -> None:
        self.served += 1


Story = Callable[[House], Awaitable[None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def tell(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Run a story; fail when anything was raised where nobody looks, or a descriptor is left open."""

    def run(story: Story, host: str = "127.0.0.1", **connections: int) -> None:
        async def main() -> None:
            house = House(**connections)
            async with house.listen(host):
                before = open_descriptors()
                await story(house)
            await asyncio.sleep(0.01)
            assert not [each for each in open_descriptors() - before if "socket" in each]

        run_strictly(main, request.param)

    return run


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", b"\x7f\0\0\1"), ("::1", bytes(15) + b"\1")])
def test_something_whole_lets_in(tell, host, address):
    """However its octets arrive, they make a connection of the client once they are whole, which hears them all."""

    async def story(house: House) -> None:
        client = house.connect()
        for number in range(len(WHOLE)):
            assert not house.inside
            client.sendall(WHOLE[number : number + 1])
            await asyncio.sleep(0.005)
        await house.settle(lambda: house.inside and house.inside[0].heard == WHOLE)
        client.sendall(b"more")
        await house.settle(lambda: house.inside[0].heard == WHOLE + b"more")
        assert house.inside[0].address == address
        assert not len(house.places)

    tell(story, host)


def test_much_is_enough(tell):
    """Who has said a lot is let in, whole or not: nothing waits at the door for its end."""

    async def story(house: House) -> None:
        client = house.connect()
        client.sendall(struct.pack("!H", 60_000) + bytes(ENOUGH - 3))
        await asyncio.sleep(0.01)
        assert not house.inside
        client.sendall(bytes(1))
        await house.settle(lambda: house.inside)

    tell(story)


@pytest.mark.parametrize("said", [b"", b"\0", b"\0\3ab"])
def test_who_leaves_gives_up_the_place(tell, said):
    """A connection that ends before anything whole is closed, by its end or by a reset, and nothing is made of it."""

    async def story(house: House) -> None:
        for linger in (0, 1):
            client = house.connect()
            await house.settle(lambda: len(house.callers) == 1)
            if linger:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(said)
            client.close()
            await house.settle(lambda: not house.callers)
        assert not house.inside

    tell(story)


def test_who_asks_and_leaves_is_let_in(tell):
    """Who ends his side right after something whole is let in all the same (RFC 1035 section 4.2.2)."""

    async def story(house: House) -> None:
        client = house.connect()
        client.sendall(WHOLE)
        client.shutdown(socket.SHUT_WR)
        await house.settle(lambda: house.inside and house.inside[0].heard == WHOLE)

    tell(story)


def test_the_longest_silent_gives_way(tell):
    """At the bound the oldest of those who wait is ended, and counted."""

    async def story(house: House) -> None:
        clients = [house.connect() for _ in range(4)]
        await house.settle(lambda: house.places.closed[Ending.FULL] == 2)
        assert [client.recv(1) for client in clients[:2]] == [b"", b""]
        assert len(house.callers) == 2

    tell(story, maximum=2)


def test_who_finds_no_place_is_ended(tell):
    """Where nobody can give way, the new one is ended at once."""

    async def story(house: House) -> None:
        assert house.places.take(Busy(), 0.0)
        client = house.connect()
        await house.settle(lambda: house.places.closed[Ending.FULL])
        assert client.recv(1) == b""

    tell(story, maximum=1)


class Busy:
    """A connection that waits for an answer."""

    address, active, is_busy = b"", 0.0, True

    def close(self) -> None:
        """Stay."""

    def finish(self) -> None:
        """Stay."""


def test_a_rush_leaves_time_for_others(tell):
    """Many at once are all taken, in portions, and UDP is looked at in between."""

    async def story(house: House) -> None:
        for _ in range(BATCH * 4):
            house.connect()
        await house.settle(lambda: len(house.callers) == BATCH * 4)
        assert house.served >= 2

    tell(story, per_client=1000)


def test_no_descriptors(tell, monkeypatch):
    """Where no descriptor is left, those who wait are taken once there are some again."""

    async def story(house: House) -> None:
        house.acceptor._socket = Exhausted(house.acceptor._socket)
        house.connect()
        await house.settle(lambda: house.callers)
        assert not house.acceptor._socket.failures

    monkeypatch.setattr("dnsfilter.server.accepting.SHORTAGE_PAUSE", 0.02)
    tell(story)


class Exhausted:
    """A listening socket for whose connections there is twice no descriptor."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.failures = [errno.EMFILE, errno.ENFILE]

    def fileno(self) -> int:
        """Return the real one."""
        return self._socket.fileno()

    def _accept(self) -> tuple[int, object]:
        if self.failures:
            raise OSError(self.failures.pop(), "too many open files")
        return self._socket._accept()


def test_what_cannot_be_watched_is_ended(tell):
    """Where the kernel watches no more connections, a new one is ended and holds no place; the next is served."""

    async def story(house: House) -> None:
        house.acceptor._speaking = Unwatching(house.acceptor._speaking)
        client = house.connect()
        client.setblocking(False)
        async with asyncio.timeout(5):
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
        assert not len(house.places)
        house.connect().sendall(WHOLE)
        await house.settle(lambda: house.inside and house.inside[0].heard == WHOLE)

    tell(story)


class Unwatching:
    """An epoll that has no room once."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._failures = [errno.ENOSPC]

    def __getattr__(self, name: str) -> object:
        """Return what the real one does."""
        return getattr(self._epoll, name)

    def register(self, descriptor: int, events: int) -> None:
        """Fail, or watch."""
        if self._failures:
            raise OSError(self._failures.pop(), "no space left")
        self._epoll.register(descriptor, events)


def test_farewell(tell):
    """Who has said nothing hears that no more will come, and gets no reset whatever he says then; others are let in."""

    async def story(house: House) -> None:
        silent, speaking = house.connect(), house.connect()
        await house.settle(lambda: len(house.callers) == 2)
        first, second = house.callers
        speaking.sendall(WHOLE)
        second.finish()
        first.finish()
        assert silent.recv(1) == b""
        silent.sendall(WHOLE)
        await house.settle(lambda: house.inside and house.inside[0].heard == WHOLE)
        assert house.callers == [first]
        silent.shutdown(socket.SHUT_WR)
        await house.settle(lambda: not house.callers)
        assert len(house.inside) == 1
        assert silent.recv(1) == b""

    tell(story)


def test_closing_takes_no_more(tell):
    """Once closed, those who come wait for whoever listens next; who was there is still let in."""

    async def story(house: House) -> None:
        client = house.connect()
        await house.settle(lambda: house.callers)
        house.acceptor.close()
        house.connect()
        await asyncio.sleep(0.01)
        assert len(house.callers) == 1
        client.sendall(WHOLE)
        await house.settle(lambda: house.inside)
        assert not house.acceptor.is_letting_in

    tell(story)
