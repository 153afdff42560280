"""Asking one upstream over UDP: connected sockets with random, renewed ports; random IDs; whole questions compared.

A response that does not match what was asked over the very same socket is counted and changes nothing.
"""

import os
import secrets
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from dnsfilter.datagrams import Inbox, Outbox
from dnsfilter.upstream.transport import Asked
from dnsfilter.values import Endpoint

PORTS = 8
"""How many sockets an upstream has at a time."""

USES = 2000
"""After how many queries a socket is replaced by one with another port."""

LATE = 5.0
"""Seconds for which a replaced socket still takes what was asked over it."""

_HEADER_SIZE = 12
_ID_SIZE = 2
_ID_POOL = 256


Watch = Callable[[socket.socket, Callable[[], None]], object]
"""Arranges that a callback is called whenever a socket is readable."""

Unwatch = Callable[[socket.socket], object]


class Port:
    """One connected socket and what was asked over it."""

    def __init__(self, upstream: "UdpUpstream", endpoint: Endpoint) -> None:
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self.socket.connect((endpoint.host, endpoint.port))
        except OSError:
            self.socket.close()
            raise
        self.asked: dict[bytes, Asked] = {}
        self.uses = 0
        self._upstream = upstream

    def on_readable(self) -> None:
        """Hand on what matches."""
        asked, upstream = self.asked, self._upstream
        inbox = upstream.inbox
        memory, starts = inbox.memory, inbox.starts
        inbox.descriptor = self.socket.fileno()
        while lengths := inbox.receive():
            now = monotonic()
            for start, length in zip(starts, lengths, strict=False):
                message = memory[start : start + length]
                identifier = message[:_ID_SIZE]
                exchange = asked.get(identifier)
                if exchange is not None and is_response(message, exchange.question):
                    del asked[identifier]
                    upstream.on_response(exchange, message, now)
                else:
                    upstream.mismatches += 1
            if len(lengths) < len(starts):
                break
        upstream.on_batch_end()


def is_response(message: bytes, question: bytes) -> bool:
    """Whether a message is a response that repeats the question to the letter."""
    return message.startswith(question, _HEADER_SIZE) and message[2] & 0x80 != 0


class UdpUpstream:
    """One upstream.

    `on_response(asked, message, now)` gets what matches, `on_batch_end()` is called after each batch.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_response: Callable[[Any, bytes, float], None],
        on_batch_end: Callable[[], None],
        watch: Watch,
        unwatch: Unwatch,
    ) -> None:
        self._endpoint = endpoint
        self.on_response = on_response
        self.on_batch_end = on_batch_end
        self._watch, self._unwatch = watch, unwatch
        self.mismatches = 0
        self._ports: list[Port] = []
        self._retired: deque[tuple[float, Port]] = deque()
        self._current: Port | None = None
        self._ids = b""
        self.inbox = Inbox(-1, None)
        self._outbox = Outbox(-1, None)

    def send(self, asked: Asked) -> None:
        """Ask, with the next flush; OSError where there is no way to the upstream."""
        port = self._current or self._choose()
        while True:
            if not self._ids:
                self._ids = os.urandom(_ID_POOL)
            identifier, self._ids = self._ids[:_ID_SIZE], self._ids[_ID_SIZE:]
            if identifier not in port.asked:
                break
        port.asked[identifier] = asked
        self._outbox.push(b"", identifier + asked.packet)
        port.uses += 1

    def flush(self) -> None:
        """Send what was asked; the next batch leaves from another port."""
        if self._current:
            self._outbox.flush()
            self._current = None

    def close_retired(self, now: float) -> None:
        """Close the sockets that were replaced and whose answers would come too late by now."""
        while self._retired and self._retired[0][0] <= now:
            self._close(self._retired.popleft()[1])

    def close(self) -> None:
        """Close all sockets."""
        for port in [*self._ports, *(port for _, port in self._retired)]:
            self._close(port)
        self._ports, self._current = [], None
        self._retired.clear()

    def _choose(self) -> Port:
        index = secrets.randbelow(PORTS)
        if index >= len(self._ports):
            self._ports.append(self._open())
            index = -1
        elif self._ports[index].uses >= USES:
            fresh = self._open()
            self._retired.append((monotonic() + LATE, self._ports[index]))
            self._ports[index] = fresh
        self._current = self._ports[index]
        self._outbox.descriptor = self._current.socket.fileno()
        return self._current

    def _open(self) -> Port:
        port = Port(self, self._endpoint)
        self._watch(port.socket, port.on_readable)
        return port

    def _close(self, port: Port) -> None:
        self._unwatch(port.socket)
        port.socket.close()
