"""DNS over TCP (RFC 7766): pipelined queries, answered in the order in which their answers are found.

A connection is closed when idle, when it sends what is no query, and when its peer does not read what it asked for.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic
from typing import cast

from dnsfilter.model import Transport
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.wire.framing import Deframer, frame

IDLE_SECONDS = 10.0
MAX_CONNECTIONS = 1000
MAX_UNREAD = 256 * 1024
ID_SIZE = 2


class TcpServer:
    """Makes and bounds the connections of one worker; at the bound the longest idle one is closed.

    `submit` takes queries that wait for an upstream, `flush` sends what was submitted.
    """

    transport = Transport.TCP

    def __init__(self, resolver: Resolver, submit: Callable[[Pending, float], None], flush: Callable[[], None]) -> None:
        self.resolver = resolver
        self.submit = submit
        self.flush = flush
        self.connections: dict[Connection, None] = {}
        self.hits = 0

    def make_connection(self) -> asyncio.BaseProtocol:
        """Return the protocol of a new connection."""
        return Connection(self)

    def take_hits(self) -> int:
        """Return how many queries the memo answered since the last call."""
        hits, self.hits = self.hits, 0
        return hits

    def close_idle(self, now: float) -> None:
        """Close the connections that have been idle too long; called every second or so."""
        for connection in [item for item in self.connections if item.active + IDLE_SECONDS < now]:
            connection.close()


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._deframer = Deframer()
        self._address = b""
        self.active = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, from the longest idle connection where none is free."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without being a subclass
        peer = transport.get_extra_info("peername")
        if not peer:  # gone before we looked
            self._transport.abort()
            return
        self._address = ip_address(peer[0].partition("%")[0]).packed
        self.active = monotonic()
        connections = self._server.connections
        if len(connections) >= MAX_CONNECTIONS:
            next(iter(connections)).close()
        connections[self] = None

    def data_received(self, data: bytes) -> None:
        """Answer the queries that are complete; all answers at hand go out in one write."""
        now = self.touch()
        responses: list[bytes] = []
        is_waiting = False
        for message in self._deframer.feed(data):
            result = self._answer(message, now)
            if result is None:
                self.close()
                return
            if isinstance(result, Pending):
                result.send = self._send_later
                self._server.submit(result, now)
                is_waiting = True
            else:
                responses.append(frame(result))
        if is_waiting:
            self._server.flush()
        if responses:
            self._write(b"".join(responses))

    def touch(self) -> float:
        """Become the connection that is idle last; return the time."""
        now = self.active = monotonic()
        connections = self._server.connections
        if self in connections:
            del connections[self]
            connections[self] = None
        return now

    def _answer(self, message: bytes, now: float) -> bytes | Pending | None:
        server = self._server
        seat = server.resolver.seats.take(self._address, now)
        seat.tokens -= 1
        if seat.tokens >= 0:
            tail = seat.recall(message[ID_SIZE:], now)
            if tail is not None:
                server.hits += 1
                return message[:ID_SIZE] + tail
        return server.resolver.receive(message, seat, server.transport, now)

    def connection_lost(self, _error: Exception | None) -> None:
        """Give up the place."""
        self._server.connections.pop(self, None)

    def close(self) -> None:
        """Close at once: what the peer has not read by now it will not miss."""
        self._server.connections.pop(self, None)
        self._transport.abort()

    def _send_later(self, _token: object, response: bytes) -> None:
        self._write(frame(response))

    def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            self.close()
