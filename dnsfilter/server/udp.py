"""DNS over UDP: one readable event receives a batch, answers what can be answered at once, and sends a batch.

The loop in `_answer` is the hot path: a query asked before under the same view costs two dictionary look-ups.
"""

import socket
from collections.abc import Callable
from time import monotonic

from dnsfilter.datagrams import Inbox, Outbox
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.seats import Seat

MAX_ROUNDS = 16
"""How many batches one readable event may answer before other sockets get their turn."""

_ADDRESS_IN_NAME = {socket.AF_INET: (4, 8, 16), socket.AF_INET6: (8, 24, 28)}
"""Where in a sockaddr the address stands, and how long the sockaddr is."""


class UdpServer:
    """Answers the queries of one UDP socket; `submit` takes those that wait for an upstream."""

    def __init__(self, sock: socket.socket, resolver: Resolver, submit: Callable[[Pending, float], None]) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._resolver = resolver
        self._submit = submit
        self._inbox = Inbox(sock.fileno(), sock.family)
        self._outbox = Outbox(sock.fileno(), sock.family)
        start, end, self._name_size = _ADDRESS_IN_NAME[sock.family]
        self._address_slices = [slice(name + start, name + end) for name in self._inbox.names]
        self.hits = 0
        self.hit_seconds = 0.0

    def on_readable(self) -> None:
        """Answer what is there, up to a bound."""
        for _ in range(MAX_ROUNDS):
            lengths = self._inbox.receive()
            if not lengths:
                break
            self._answer(lengths, monotonic())
            if len(lengths) < len(self._inbox.starts):
                break

    def flush(self) -> None:
        """Send the responses that came from upstreams since."""
        self._outbox.flush()

    def take_hits(self) -> tuple[int, float]:
        """Return how many queries the memo answered since the last call, and the sum of the seconds they took."""
        taken = self.hits, self.hit_seconds
        self.hits, self.hit_seconds = 0, 0.0
        return taken

    def _answer(self, lengths: list[int], now: float) -> None:
        inbox = self._inbox
        memory, reply_lengths = inbox.memory, inbox.reply_lengths
        seats = self._resolver.seats.by_address
        slow = 0
        silent = []
        for index, (length, start, where) in enumerate(zip(lengths, inbox.starts, self._address_slices, strict=False)):
            address = memory[where]
            seat = seats.get(address)
            if seat is not None and seat.tokens >= 1:
                entry = seat.entries.get(memory[start + 2 : start + length])
                if entry is not None and (now < entry.fresh_until or entry.refresh(now)):
                    seat.tokens -= 1
                    if not entry.hits:
                        seat.memo.touched.append(entry)
                    entry.hits += 1
                    seen = entry.seen
                    if seen is not None:
                        seen[address] = seen.get(address, 0) + 1
                    tail = entry.tail
                    size = len(tail) + 2
                    memory[start + 2 : start + size] = tail
                    reply_lengths[index] = size
                    continue
            slow += 1
            if not self._answer_slowly(index, memory[start : start + length], seat, address, now):
                silent.append(index)
        self._reply(len(lengths), silent)
        hits = len(lengths) - slow
        if hits:
            self.hits += hits
            self.hit_seconds += (monotonic() - now) * hits

    def _reply(self, count: int, silent: list[int]) -> None:
        """Send the replies of a batch, but for those queries that wait or get none."""
        if silent:
            waiting = set(silent)
            ready = [index for index in range(count) if index not in waiting]
            if ready:
                self._outbox.lost += self._inbox.reply_to(ready)
        else:
            self._outbox.lost += self._inbox.reply(count)

    def _answer_slowly(self, index: int, message: bytes, seat: Seat | None, address: bytes, now: float) -> bool:
        """Take a query the memo does not answer; whether its response stands in its slot now."""
        if seat is None:
            seat = self._resolver.seats.take(address, now)
        seat.tokens -= 1
        result = self._resolver.receive(message, seat, Transport.UDP, now)
        if result is None:
            return False
        if isinstance(result, Pending):
            name = self._inbox.names[index]
            result.send, result.token = self._outbox.push, self._inbox.memory[name : name + self._name_size]
            self._submit(result, now)
            return False
        start = self._inbox.starts[index]
        self._inbox.memory[start : start + len(result)] = result
        self._inbox.reply_lengths[index] = len(result)
        return True
