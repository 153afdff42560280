"""A TCP server that listens, and clients on real connections to it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

from dnsfilter.resolver import Pending
from dnsfilter.server.accepting import Acceptor
from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.server.tcp import TcpServer
from dnsfilter.settings.resolver import Connections
from tests.fakes.resolving import make_query, make_resolver, make_response, rcode_of

LISTED = "www.tiktok.com"


def frame(message: bytes) -> bytes:
    """Return a message with its length before it."""
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

    def end(self) -> None:
        """Send no more, but go on reading."""
        self._writer.write_eof()

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
        self.server = TcpServer(self.resolver, submit, self._flush, self.places, Precedence())
        self._clients: list[Client] = []

    def _flush(self) -> None:
        assert self.pending
        self.flushes += 1

    @contextlib.asynccontextmanager
    async def listen(self, host: str = "127.0.0.1") -> AsyncIterator[None]:
        """Serve for as long as the context lasts."""
        listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)  # connections inherit it
        self.place = listening.getsockname()[:2]
        server = self.server
        self.acceptor = Acceptor(listening, server.make_connection, server.is_enough, self.places, server.precedence)
        try:
            yield
        finally:
            for client in self._clients:
                client.close()
            self.acceptor.close()
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


Run = Callable[[Callable[[House], Awaitable[None]]], None]
"""A fixture that runs a test with a house."""
