"""Takes connections from a listening socket, and builds nothing for one until it has said something whole.

A connection that only stands there, or says an octet now and then, as most do in a crowd, costs a descriptor and a
place; what makes it a transport with a protocol of its own is a first message. Until then what it says is looked at,
and stays in the kernel. Knows no DNS.
"""

import asyncio
import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence

BATCH: Final = 16
"""How many connections are taken, or are let in, before others get their turn."""

PAUSE: Final = 0.001
"""Seconds without new connections after a full batch: a rush of them leaves most of the processor to answers."""

ENOUGH: Final = 2048
"""How many octets are enough, whole or not."""

SHORTAGE_PAUSE: Final = 0.1
"""Seconds without new connections where the machine has no descriptor for one."""

_ENDING: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_SPEAKING: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET


class Caller:
    """A connection that has said nothing whole yet; holds a place."""

    def __init__(self, acceptor: "Acceptor", descriptor: int, address: bytes) -> None:
        self._acceptor = acceptor
        self._socket: socket.socket | None = None
        self.descriptor = descriptor
        self.address = address
        self.active = 0.0
        self.is_finished = False

    @property
    def is_busy(self) -> bool:
        """Never: it has asked nothing."""
        return False

    @property
    def socket(self) -> socket.socket:
        """Its socket; most who only stand there never need one."""
        if self._socket is None:
            self._socket = socket.socket(self._acceptor.family, socket.SOCK_STREAM, 0, self.descriptor)
        return self._socket

    def close(self) -> None:
        """End at once, and give up the place."""
        self._acceptor.release(self)
        if self._socket is None:
            os.close(self.descriptor)
        else:
            self._socket.close()

    def finish(self) -> None:
        """Send no more, and end when the peer has seen it; who has spoken meanwhile is let in instead."""
        if not self._acceptor.has_spoken(self):
            self.is_finished = True
            with suppress(OSError):  # gone already
                self.socket.shutdown(socket.SHUT_WR)


class Acceptor:
    """Takes the connections of one listening socket; `make_connection` returns the protocol of a client's.

    `is_enough` says of the first octets whether there is something to do with them.
    """

    def __init__(
        self,
        sock: socket.socket,
        make_connection: Callable[[bytes], asyncio.BaseProtocol],
        is_enough: Callable[[bytes], bool],
        places: Places,
        precedence: Precedence,
    ) -> None:
        sock.setblocking(False)
        self.family = int(sock.family)
        self._socket = sock
        self._make_connection = make_connection
        self._is_enough = is_enough
        self._places = places
        self._precedence = precedence
        self._callers: dict[int, Caller] = {}
        self._speaking = select.epoll()
        self._entering: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._speaking.fileno(), self._let_in)
        self._loop.add_reader(sock, self._accept)

    @property
    def is_letting_in(self) -> bool:
        """Whether some have given up their place and not taken it again as connections of their own."""
        return bool(self._entering)

    def close(self) -> None:
        """Take no more connections; those that are there stay."""
        self._loop.remove_reader(self._socket)
        if self._pause:
            self._pause.cancel()

    def release(self, caller: Caller) -> None:
        """Look no more whether somebody speaks, and take his place back."""
        del self._callers[caller.descriptor]
        self._speaking.unregister(caller.descriptor)
        self._places.leave(caller)

    def has_spoken(self, caller: Caller) -> bool:
        """Whether there is something whole to read."""
        try:
            heard = caller.socket.recv(ENOUGH, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return False
        return len(heard) == ENOUGH or self._is_enough(heard)

    def _accept(self) -> None:
        """Take those who wait, without the object that the socket's public `accept` spends half of its time on."""
        for _ in range(BATCH):
            self._precedence.give()
            try:
                descriptor, peer = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - no object
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                self._take_a_break(SHORTAGE_PAUSE)
                return
            self._receive(descriptor, socket.inet_pton(self.family, peer[0].partition("%")[0]))
        self._take_a_break(PAUSE)

    def _receive(self, descriptor: int, address: bytes) -> None:
        """Give a connection its place, or end it where there is none."""
        caller = Caller(self, descriptor, address)
        try:
            self._speaking.register(descriptor, _SPEAKING)
        except OSError:  # the kernel watches no more for this user (epoll_ctl(2)): nobody would see what it says
            os.close(descriptor)
            return
        if self._places.take(caller, monotonic()):
            self._callers[descriptor] = caller
        else:
            os.close(descriptor)

    def _take_a_break(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._pause = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _let_in(self) -> None:
        """Make connections of those who speak."""
        for descriptor, events in self._speaking.poll(0, BATCH):
            self._precedence.give()
            caller = self._callers.get(descriptor)
            if caller is None:  # lost its place to another of this batch
                continue
            if caller.is_finished:
                self._hear_out(caller)
            elif self.has_spoken(caller):
                self.release(caller)
                task = self._loop.create_task(self._enter(caller))
                self._entering.add(task)
                task.add_done_callback(self._entering.discard)
            elif events & _ENDING:
                caller.close()

    def _hear_out(self, caller: Caller) -> None:
        """Read, and forget, what comes after we have sent all: unread it would become a reset."""
        try:
            heard = caller.socket.recv(65_536, socket.MSG_DONTWAIT)
        except OSError:
            heard = b""
        if heard:
            self._speaking.modify(caller.descriptor, _SPEAKING)  # there may be more
        else:
            caller.close()

    async def _enter(self, caller: Caller) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._make_connection(caller.address), caller.socket)
        except OSError:  # gone already
            caller.socket.close()
