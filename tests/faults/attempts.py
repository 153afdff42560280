"""Clients of a proxy: connections at a fixed rate, each of which says its lines in turn, and what became of each.

One thread and one epoll: what it costs itself has to be little beside what the proxy does.
"""

import errno
import select
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

AT_ONCE = 4_000
PATIENCE = 30.0
CLIENTS = 200


@dataclass(slots=True)
class Attempt:
    """One connection; `told` counts the lines said, `heard` the octets that came back."""

    connection: socket.socket
    begun: float
    told: int = 0
    heard: int = 0
    is_waiting: bool = field(default=False)


class Attempts:
    """Makes connections until all have ended; `outcomes` says how: refused, answered, or why not even that."""

    def __init__(self, port: int, lines: Sequence[bytes], *, at_once: int = AT_ONCE) -> None:
        self.outcomes: Counter[str] = Counter()
        self._port = port
        self._lines = lines
        self._at_once = at_once
        self._epoll = select.epoll()
        self._open: dict[int, Attempt] = {}

    def run(self, number: int, rate: float) -> float:
        """Make so many connections at so many a second; return the seconds until the last one has begun."""
        begin = last = time.monotonic()
        made = 0
        while made < number or self._open:
            due = min(number, int((time.monotonic() - begin) * rate) + 1)
            while made < due and len(self._open) < self._at_once:
                self._begin(made)
                made += 1
                last = time.monotonic()
            for descriptor, event in self._epoll.poll(0.001 if made < number else 0.05):
                self._go_on(descriptor, event)
            if made == number:
                self._give_up()
        self._epoll.close()
        return last - begin

    def _begin(self, number: int) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.bind((f"127.0.1.{1 + number % CLIENTS}", 0))
        with suppress(BlockingIOError):
            connection.connect(("127.0.0.1", self._port))
        self._open[connection.fileno()] = Attempt(connection, time.monotonic())
        self._epoll.register(connection, select.EPOLLOUT)

    def _go_on(self, descriptor: int, event: int) -> None:
        attempt = self._open[descriptor]
        try:
            if attempt.told < len(self._lines) and not attempt.is_waiting and event & select.EPOLLOUT:
                self._say(descriptor, attempt)
            elif event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._hear(descriptor, attempt)
        except OSError as error:
            is_reset = attempt.told and error.errno in {errno.ECONNRESET, errno.EPIPE}
            self._end(descriptor, "refused" if is_reset else errno.errorcode.get(error.errno or 0, "error"))

    def _say(self, descriptor: int, attempt: Attempt) -> None:
        attempt.connection.send(self._lines[attempt.told])
        attempt.told += 1
        attempt.is_waiting = True
        self._epoll.modify(descriptor, select.EPOLLIN)

    def _hear(self, descriptor: int, attempt: Attempt) -> None:
        data = attempt.connection.recv(65_536)
        if not data:
            self._end(descriptor, "answered" if attempt.told == len(self._lines) and attempt.heard else "refused")
            return
        attempt.is_waiting = False
        if attempt.told < len(self._lines):
            self._epoll.modify(descriptor, select.EPOLLOUT)
        else:
            attempt.heard += len(data)

    def _end(self, descriptor: int, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self._epoll.unregister(descriptor)
        self._open.pop(descriptor).connection.close()

    def _give_up(self) -> None:
        late = time.monotonic() - PATIENCE
        for descriptor in [each for each, attempt in self._open.items() if attempt.begun < late]:
            self._end(descriptor, "no end")
