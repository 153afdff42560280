"""DNS over UDP: one readable event receives a batch, answers what can be answered at once, and sends a batch.

The loop in `_answer` is the hot path: a query asked before under the same view costs two dictionary look-ups.
"""

import socket
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from dnsfilter.datagrams import BATCH_SIZE, SLOT_SIZE, Inbox, Outbox, pack_sockaddr
from dnsfilter.errors import WireError
from dnsfilter.model import Outcome, Transport
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.seats import Seat
from dnsfilter.wire.codes import Rcode
from dnsfilter.wire.proxy_protocol import read_header

MAX_ROUNDS = 16
"""How many batches one readable event may answer before other sockets get their turn."""

DENSE = 8
"""How many queries in the last batch mean that more are on their way."""

PAUSE = 20e-6
"""Seconds, and the timer's slack beside them, for which these are waited for: full batches cost a fifth less."""

ID_SIZE: Final = 2

SPARSE = 200e-6
"""After how many seconds in which nothing was answered a query is taken to come alone."""


class UdpServer:
    """Answers the queries of one UDP socket; `submit` takes those that wait for an upstream, `flush` sends these."""

    def __init__(
        self,
        sock: socket.socket,
        resolver: Resolver,
        submit: Callable[[Pending, float], None],
        flush: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._resolver = resolver
        self._submit, self._flush = submit, flush
        self._inbox = Inbox(sock.fileno(), sock.family)
        self._outbox = Outbox(sock.fileno(), sock.family)
        self._family = int(sock.family)
        self._gathered = 0
        self._left = 0.0
        """When the last responses left."""
        self.hits = 0
        self.hit_seconds = 0.0

    def on_readable(self) -> None:
        """Answer what is there, up to a bound; where much comes, let a little more of it gather first."""
        now = monotonic()
        if now - self._left > SPARSE:
            self._serve_one(now)
        elif DENSE <= self._gathered < BATCH_SIZE:
            sleep(PAUSE)
        self._serve_batches()
        self._flush()

    def flush(self) -> None:
        """Send the responses that came from upstreams since."""
        self._outbox.flush()

    def take_hits(self) -> tuple[int, float]:
        """Return how many queries the memo answered since the last call, and the sum of the seconds they took."""
        taken = self.hits, self.hit_seconds
        self.hits, self.hit_seconds = 0, 0.0
        return taken

    def take_lost(self) -> int:
        """Return how many responses the kernel has not taken since the last call."""
        lost, self._outbox.lost = self._outbox.lost, 0
        return lost

    def _serve_one(self, now: float) -> None:
        """Answer one datagram, by the socket's own calls: where the processor has slept they take half the time."""
        try:
            message, peer = self.socket.recvfrom(SLOT_SIZE)
        except OSError:
            return
        address = socket.inet_pton(self._family, peer[0])
        seat = self._resolver.seats.by_address.get(address)
        response = self._recall(seat, message[ID_SIZE:], address, now) if seat is not None else None
        if response is None:
            response = self._answer_slowly(message, seat, address, pack_sockaddr(self._family, *peer), now)
        else:
            response = message[:ID_SIZE] + response
            self.hits += 1
            self.hit_seconds += monotonic() - now
        if response:
            try:
                self.socket.sendto(response, peer)
            except OSError:
                self._outbox.lost += 1
        self._left = monotonic()

    def _serve_batches(self) -> None:
        for _ in range(MAX_ROUNDS):
            lengths = self._inbox.receive()
            self._gathered = len(lengths)
            if not lengths:
                break
            self._answer(lengths, monotonic())
            if len(lengths) < BATCH_SIZE:
                break

    def _answer(self, lengths: list[int], now: float) -> None:
        inbox = self._inbox
        memory, starts = inbox.memory, inbox.starts
        seats = self._resolver.seats.by_address
        hits = 0
        sizes: list[int] = []
        for length, start, address in zip(lengths, starts, inbox.read_addresses(len(lengths)), strict=False):
            seat = seats.get(address)
            if seat is not None:
                tail = self._recall(seat, memory[start + ID_SIZE : start + length], address, now)
                if tail is not None:
                    size = len(tail) + ID_SIZE
                    memory[start + ID_SIZE : start + size] = tail
                    sizes.append(size)
                    hits += 1
                    continue
            peer = inbox.read_peer(len(sizes))
            response = self._answer_slowly(memory[start : start + length], seat, address, peer, now) or b""
            size = len(response)
            memory[start : start + size] = response
            sizes.append(size)
        if hits or any(sizes):
            self._outbox.lost += inbox.reply(sizes)
        self._left = monotonic()
        self.hits += hits
        self.hit_seconds += (self._left - now) * hits

    def _recall(self, seat: Seat, key: bytes, address: bytes, now: float) -> bytes | None:
        """Return what follows the ID in the ready response to what followed it in a query, if there is one."""
        if seat.tokens < 1:
            return None
        entry = seat.entries.get(key)
        if entry is None or (now >= entry.fresh_until and not entry.refresh(now)):
            return None
        seat.tokens -= 1
        if not entry.hits:
            seat.memo.touched.append(entry)
        entry.hits += 1
        seen = entry.seen
        if seen is not None:
            seen[address] = seen.get(address, 0) + 1
        return entry.tail

    def _answer_slowly(
        self, message: bytes, seat: Seat | None, address: bytes, peer: bytes, now: float
    ) -> bytes | None:
        """Answer a query that the memo does not, None where there is no response, or not yet."""
        try:
            if seat is None:
                stated = ""
                if self._resolver.seats.is_proxy(address):
                    address, message, stated = self._unwrap(address, message)
                seat = self._resolver.seats.take(address, now)
                if stated:
                    seat = self._resolver.seats.take_stated(seat, stated, now)
            result = self._ask(message, seat, now)
            if isinstance(result, Pending):
                result.send, result.token = self._outbox.push, peer
                self._submit(result, now)
                return None
        except Exception as error:  # noqa: BLE001 - the border: one query fails, the rest of the batch does not notice
            return self._resolver.give_up(message, Transport.UDP, error)
        return result

    def _ask(self, message: bytes, seat: Seat, now: float) -> bytes | Pending | None:
        """Answer from the memo a query that only lacked tokens, any other by the resolver."""
        seat.tokens -= 1
        if seat.tokens < 0 and self._resolver.seats.admit(seat, now):
            tail = seat.recall(message[ID_SIZE:], now)
            if tail is not None:
                self.hits += 1
                return message[:ID_SIZE] + tail
        return self._resolver.receive(message, seat, Transport.UDP, now)

    def _unwrap(self, address: bytes, message: bytes) -> tuple[bytes, bytes, str]:
        """Return who asks, what, and as which device, as a load balancer's PROXY header says; nothing without one."""
        try:
            header = read_header(message)
        except WireError:
            header = None
        if header is None:
            self._resolver.tally.count(Transport.UDP, Outcome.REFUSED, Rcode.REFUSED, 0.0)
            return address, b"", ""
        client, size = header
        return client or address, message[size:], self._resolver.seats.read_stated(message[:size])
