"""Asking one upstream over UDP: connected sockets with random, renewed ports; random IDs; whole questions compared.

A response must match what was asked over the very same socket: ID, question to the letter, cookie. Anything else is
counted as an attempt to forge one; past a threshold nothing more is taken from that socket, and what waited there is
handed on to be asked where nobody can answer in the upstream's place.
"""

import errno
import os
import secrets
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from dnsfilter.datagrams import Inbox, Outbox
from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.upstream.cookies import Cookies, NoCookies, Verdict
from dnsfilter.upstream.transport import Asked
from dnsfilter.values import Endpoint
from dnsfilter.wire.letters import answers_but_for_case
from dnsfilter.wire.upstream_query import Opts, build_packet

PORTS: Final = 16
"""How many sockets an upstream has at a time."""

USES = 100
"""After how many queries a socket is replaced by one with another port; that costs 14 µs, shared by all of them."""

LATE: Final = 5.0
"""Seconds for which a replaced socket still takes what was asked over it."""

CONCESSION: Final = 600.0
"""Seconds for which an upstream that cannot cope with mixed case or cookies is asked without."""

_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN}
_HEADER_SIZE: Final = 12
_ID_SIZE: Final = 2
_IDS: Final = struct.Struct("2s" * 128)


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
        self.near_misses = 0
        self.last = b""
        self.cookies: Cookies | NoCookies
        self._upstream = upstream

    def on_readable(self) -> None:
        """Hand on what matches."""
        asked, upstream, cookies = self.asked, self._upstream, self.cookies
        inbox = upstream.inbox
        memory, starts = inbox.memory, inbox.starts
        inbox.descriptor = self.socket.fileno()
        while lengths := inbox.receive():
            now = monotonic()
            for start, length in zip(starts, lengths, strict=False):
                message = memory[start : start + length]
                identifier = message[:_ID_SIZE]
                exchange = asked.get(identifier)
                if (
                    exchange is not None
                    and is_response(message, exchange.question)
                    and (
                        cookies.suspect not in message
                        or cookies.proof in message
                        or cookies.judge(message) is Verdict.GENUINE
                    )
                ):
                    del asked[identifier]
                    self.last = message
                    upstream.on_response(exchange, message, now)
                else:
                    upstream.examine(self, message, now)
            if len(lengths) < len(starts) or self.socket.fileno() < 0:
                break
        upstream.on_batch_end()


def is_response(message: bytes, question: bytes) -> bool:
    """Whether a message is a response that repeats the question to the letter."""
    return message.startswith(question, _HEADER_SIZE) and message[2] & 0x80 != 0


class UdpUpstream:
    """One upstream.

    `on_response(asked, message, now)` gets what matches, `on_suspicion(asked, now)` what may have been answered by
    somebody else and is to be asked in a safer way, `on_batch_end()` is called after each batch.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        on_response: Callable[[Any, bytes, float], None],
        on_suspicion: Callable[[Sequence[Any], float], None],
        on_batch_end: Callable[[], None],
        watch: Watch,
        unwatch: Unwatch,
    ) -> None:
        self._endpoint = endpoint
        self.on_response, self._on_suspicion = on_response, on_suspicion
        self.on_batch_end = on_batch_end
        self._watch, self._unwatch = watch, unwatch
        self.mismatches = 0
        self._ports: list[Port] = []
        self._cookies: Cookies | NoCookies = _NO_COOKIES
        self._conceded_until = 0.0
        self.adopt(Forwarding())
        self._retired: deque[tuple[float, Port]] = deque()
        self._current: Port | None = None
        self._ids: list[bytes] = []
        self.inbox = Inbox(-1, None)
        self._outbox = Outbox(-1, None)

    def adopt(self, settings: Forwarding) -> None:
        """Defend against forged answers in these ways from now on."""
        self._settings = settings
        self._take_up_defences()

    def send(self, asked: Asked) -> None:
        """Ask, with the next flush; OSError where there is no way to the upstream."""
        port = self._current or self._choose()
        while True:
            if not self._ids:
                self._ids = list(_IDS.unpack(os.urandom(_IDS.size)))
            identifier = self._ids.pop()
            if identifier not in port.asked:
                break
        port.asked[identifier] = asked
        self._outbox.push(b"", identifier + build_packet(asked.query, asked.question, port.cookies.opts))
        port.uses += 1

    def flush(self) -> None:
        """Send what was asked; the next batch leaves from another port."""
        if self._current:
            self._outbox.flush()
            self._current = None

    def close_retired(self, now: float) -> None:
        """Close the sockets that were replaced and wait for nothing, or for what would come too late by now."""
        retired, self._retired = self._retired, deque()
        for until, port in retired:
            if until > now and not all(asked.is_done for asked in port.asked.values()):
                self._retired.append((until, port))
            else:
                self._close(port)
        if self._conceded_until and self._conceded_until <= now:
            self._conceded_until = 0.0
            self._take_up_defences()

    def close(self) -> None:
        """Close all sockets."""
        for port in [*self._ports, *(port for _, port in self._retired)]:
            self._close(port)
        self._ports, self._current = [], None
        self._retired.clear()

    @property
    def opts(self) -> Opts:
        """The OPT records of queries, with the cookie that belongs into them."""
        return self._cookies.opts

    def examine(self, port: Port, message: bytes, now: float) -> None:
        """Look closer at what is not simply right; a copy of what was taken is no guess."""
        if message == port.last and message:
            return
        if port.socket.fileno() < 0:
            self.mismatches += 1
            return
        asked = port.asked.get(message[:_ID_SIZE])
        verdict = Verdict.FORGED
        if asked is not None and answers_but_for_case(message, asked.question):
            verdict = port.cookies.judge(message)
        if asked is None or verdict is Verdict.FORGED:
            self.mismatches += 1
            port.near_misses += 1
            if port.near_misses >= self._settings.spoof_threshold:
                self._abandon(port, now)
            return
        del port.asked[message[:_ID_SIZE]]
        if verdict is Verdict.MISSING or (asked.is_scrambled and not is_response(message, asked.question)):
            self.mismatches += 1
            self._on_suspicion([asked], now)
        else:
            self.on_response(asked, message, now)

    def compare(self, asked: Asked, message: bytes, now: float) -> None:
        """Learn from an answer that nobody forged what the upstream cannot do."""
        if asked.is_scrambled and not is_response(message, asked.question):
            self._concede_case(now)
        if self._cookies.judge(message) is not Verdict.GENUINE:
            self._cookies.forget()

    def concede(self, now: float) -> None:
        """Ask without mixed case and without cookies for a while."""
        self._concede_case(now)
        self._use_cookies(_NO_COOKIES)

    def concede_cookies(self, now: float) -> bool:
        """Ask without cookies for a while, unless the upstream has sent one; whether that makes a difference."""
        if self._cookies.is_known or self._cookies is _NO_COOKIES:
            return False
        self._conceded_until = now + CONCESSION
        self._use_cookies(_NO_COOKIES)
        return True

    def _concede_case(self, now: float) -> None:
        self.keeps_case = False
        self._conceded_until = now + CONCESSION

    def _take_up_defences(self) -> None:
        if self._conceded_until:
            return
        self.keeps_case = self._settings.randomize_case
        if self._settings.cookies != isinstance(self._cookies, Cookies):
            self._use_cookies(Cookies("") if self._settings.cookies else _NO_COOKIES)

    def _use_cookies(self, cookies: Cookies | NoCookies) -> None:
        self._cookies = cookies
        for port in self._ports:
            port.cookies = cookies

    def _abandon(self, port: Port, now: float) -> None:
        """Take nothing more from a socket that somebody sends forged answers to."""
        if port is self._current:
            self.flush()
        if port in self._ports:
            self._ports.remove(port)
        else:
            self._retired = deque(entry for entry in self._retired if entry[1] is not port)
        waiting = [asked for asked in port.asked.values() if not asked.is_done]
        port.asked.clear()
        self._close(port)
        self._on_suspicion(waiting, now)

    def _choose(self) -> Port:
        index = secrets.randbelow(PORTS)
        if index >= len(self._ports) or self._ports[index].uses >= USES:
            index = self._renew(index)
        self._current = self._ports[index]
        self._outbox.descriptor = self._current.socket.fileno()
        return self._current

    def _renew(self, index: int) -> int:
        """Put another socket in a place; return which is to be used. Without descriptors one used often will do."""
        try:
            fresh = self._open()
        except OSError as error:
            if error.errno not in _EXHAUSTED or not self._ports:
                raise
            return index % len(self._ports)
        if index >= len(self._ports):
            self._ports.append(fresh)
            return -1
        self._retired.append((monotonic() + LATE, self._ports[index]))
        self._ports[index] = fresh
        return index

    def _open(self) -> Port:
        port = Port(self, self._endpoint)
        address = port.socket.getsockname()[0]
        if address != self._cookies.address and self._cookies is not _NO_COOKIES:  # RFC 7873 section 6
            self._cookies = Cookies(address)
        port.cookies = self._cookies
        self._watch(port.socket, port.on_readable)
        return port

    def _close(self, port: Port) -> None:
        self._unwatch(port.socket)
        port.socket.close()


_NO_COOKIES: Final = NoCookies()
