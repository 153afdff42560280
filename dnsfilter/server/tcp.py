"""DNS over TCP (RFC 7766): pipelined queries, answered in the order in which their answers are found.

A connection is closed when idle, when it sends what is no query, and when its peer does not read what it asked for.
Who asks faster than he reads, or than upstreams answer, is not read from until that has changed.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic
from typing import ClassVar, cast

from dnsfilter.model import Ending, Transport
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.wire.framing import Deframer, frame, is_whole

MAX_UNREAD = 1024 * 1024
"""How many octets that a peer does not read may be held for it."""

MAX_WAITING = 256
"""How many queries of one connection may wait for upstreams."""

TURN = 64
"""How many queries of one connection are answered before others get their turn."""

TURN_SIZE = 128 * 1024
"""How many octets of answers end such a turn, too."""

ID_SIZE = 2


class TcpServer:
    """Makes the connections of one worker, which `places` bounds and which give `precedence` to UDP.

    `submit` takes queries that wait for an upstream, `flush` sends what was submitted.
    """

    transport: ClassVar[Transport] = Transport.TCP

    def __init__(
        self,
        resolver: Resolver,
        submit: Callable[[Pending, float], None],
        flush: Callable[[], None],
        places: Places,
        precedence: Precedence,
    ) -> None:
        self.resolver = resolver
        self.submit = submit
        self.flush = flush
        self.places = places
        self.precedence = precedence
        self.hits = 0

    def make_connection(self, client: bytes = b"", stated: str = "") -> asyncio.Protocol:
        """Return the protocol of a new connection; its peer's address, unless `client` is given.

        `stated` is the device that a load balancer says it is.
        """
        self.precedence.give()
        return cast("asyncio.Protocol", Connection(self, client, stated))

    @staticmethod
    def is_enough(data: bytes) -> bool:
        """Whether the first octets of a connection are something to do: a whole query."""
        return is_whole(data)

    def take_hits(self) -> int:
        """Return how many queries the memo answered since the last call."""
        hits, self.hits = self.hits, 0
        return hits


class Connection:
    """One client connection, as asyncio's protocols are; `name` is what the client calls itself, where that counts."""

    def __init__(self, server: TcpServer, client: bytes = b"", stated: str = "") -> None:
        self._server = server
        self._deframer = Deframer()
        self._held: list[bytes] = []
        self._waiting = 0
        self._is_unread = False
        self._is_finished = False
        self._is_half_closed = False
        self.address = client
        self.name = ""
        self._stated = stated
        self.active = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._waiting or self._held)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, unless that was done before a handshake."""
        if self.active:
            self._transport = cast("asyncio.Transport", transport)
        else:
            self.take_place(transport)

    def take_place(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, or end at once where there is none."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without being a subclass
        if not self.address:
            peer = transport.get_extra_info("peername")
            if not peer:  # gone before we looked
                self._transport.abort()
                return
            self.address = ip_address(peer[0].partition("%")[0]).packed
        if not self._server.places.take(self, monotonic()):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer the queries that are complete."""
        self._server.precedence.give()
        if self._is_finished:
            return
        messages = self._deframer.feed(data)
        if self._held:  # no longer read from, but this was on its way
            self._held += messages
        elif messages:
            self._take_turn(messages)

    def eof_received(self) -> bool:
        """Stay as long as answers are still to come (RFC 1035 section 4.2.2)."""
        self._is_half_closed = True
        return self.is_busy

    def pause_writing(self) -> None:
        """Ask for nothing more while the peer does not read."""
        self._is_unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the peer has read."""
        self._is_unread = False
        self._go_on()

    def touch(self) -> float:
        """Note that the client asks something; return the time."""
        now = monotonic()
        self._server.places.touch(self, now)
        return now

    def connection_lost(self, _error: Exception | None) -> None:
        """Give up the place."""
        self._held.clear()
        self._server.places.leave(self)

    def close(self) -> None:
        """Close at once: what the peer has not read by now it will not miss."""
        self._held.clear()
        self._server.places.leave(self)
        self._transport.abort()

    def finish(self) -> None:
        """Send no more, so that the client asks elsewhere; what it still sends is read, or it would get a reset."""
        self._is_finished = True
        self._transport.write_eof()

    def _take_turn(self, messages: list[bytes]) -> None:
        """Answer queries; all answers at hand go out in one write, and what is too much for one turn is held."""
        now = self.touch()
        responses: list[bytes] = []
        before, room = self._waiting, TURN_SIZE
        for index, message in enumerate(messages):
            if index >= TURN or room < 0 or self._waiting >= MAX_WAITING:
                self._held = messages[index:]
                break
            result = self._answer(message, now)
            if result is None:
                self.close()
                return
            if isinstance(result, Pending):
                result.send = self._send_later
                self._waiting += 1
                self._server.submit(result, now)
            else:
                responses.append(frame(result))
                room -= len(result)
        if self._waiting > before:
            self._server.flush()
        if responses:
            self._write(b"".join(responses))
        if self._held:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Answer what is held and read on, if nothing is in the way."""
        if self._is_unread or self._waiting >= MAX_WAITING or self._transport.is_closing():
            return
        if self._held:
            messages, self._held = self._held, []
            self._take_turn(messages)
        if not self._held and not self._is_unread and not self._transport.is_closing():
            self._transport.resume_reading()

    def _answer(self, message: bytes, now: float) -> bytes | Pending | None:
        server = self._server
        try:
            seat = server.resolver.seats.take_proven(self.address, now, self.name, self._stated)
            seat.tokens -= 1
            if seat.tokens >= 0:
                tail = seat.recall(message[ID_SIZE:], now)
                if tail is not None:
                    server.hits += 1
                    return message[:ID_SIZE] + tail
        except Exception as error:  # noqa: BLE001 - the border: one query fails, the others do not notice
            return server.resolver.give_up(message, server.transport, error)
        return server.resolver.receive(message, seat, server.transport, now)

    def _send_later(self, _token: object, response: bytes) -> None:
        self._waiting -= 1
        self._write(frame(response))
        if self._held and self._waiting < MAX_WAITING:
            asyncio.get_running_loop().call_soon(self._go_on)
        elif self._is_half_closed and not self.is_busy:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._is_finished or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            self._server.places.end(self, Ending.UNREAD)
