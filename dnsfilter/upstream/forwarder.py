"""Pending queries out, answers back: coalescing, retry, failover, TCP where a datagram was too small.

No task per query: an exchange is an entry in tables, and a tick looks for those that waited too long.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from time import monotonic
from typing import Any

from dnsfilter.errors import WireError
from dnsfilter.journal import Journal
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream import tcp
from dnsfilter.upstream.attempts import LINGER, WAITS, has_untried
from dnsfilter.upstream.bootstrap import find_addresses
from dnsfilter.upstream.https import connect_https
from dnsfilter.upstream.routes import Routes
from dnsfilter.upstream.secure import Identity
from dnsfilter.upstream.server import Server
from dnsfilter.upstream.stream import Connect, StreamUpstream
from dnsfilter.upstream.tls import connect_tls
from dnsfilter.upstream.udp import UdpUpstream, Unwatch, Watch
from dnsfilter.values import UpstreamServer
from dnsfilter.wire.codes import Flag, Rcode
from dnsfilter.wire.upstream_query import build_packet

MAX_EXCHANGES = 20_000
_USELESS = frozenset(map(int, (Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR)))
_TRUNCATED = Flag.TC >> 8

_Key = tuple[UpstreamServer, str | None]
"""What makes an upstream another one: how it is configured, and who vouches for it."""


class Exchange:
    """One question on its way, with all the queries that wait for its answer."""

    __slots__ = (
        "asked_at",
        "attempts",
        "deadline",
        "is_done",
        "key",
        "packet",
        "query",
        "question",
        "servers",
        "wait",
        "waiters",
    )

    def __init__(self, pending: Pending, servers: list[Server]) -> None:
        self.query = pending.query
        self.key = pending.query.key
        self.question = pending.query.question
        self.packet = build_packet(pending.query)
        self.waiters = [pending]
        self.servers = servers
        self.attempts = 0
        self.asked_at = self.deadline = self.wait = 0.0
        self.is_done = False


class Forwarder:
    """The exchanges of one worker; `on_batch_end` is called when responses are ready to be sent."""

    def __init__(self, resolver: Resolver, journal: Journal, on_batch_end: Callable[[], None]) -> None:
        self._resolver = resolver
        self._journal = journal
        self._on_batch_end = on_batch_end
        self._exchanges: dict[bytes, Exchange] = {}
        self._fresh: dict[float, list[Exchange]] = {wait: [] for wait in (*WAITS, LINGER)}
        self._waiting: dict[float, deque[list[Exchange]]] = {wait: deque() for wait in (*WAITS, LINGER)}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: dict[_Key, Server] = {}
        self._routes: Routes[list[Server]]

    def adopt(self, upstreams: Sequence[Upstream], watch: Watch, unwatch: Unwatch) -> None:
        """Ask these upstreams from now on; those that stay keep their sockets and health."""
        before, self._servers = self._servers, {}
        routes = {}
        for upstream in upstreams:
            servers = [self._adopt_server((server, upstream.ca), before, watch, unwatch) for server in upstream.servers]
            routes.update(dict.fromkeys(upstream.domains or ("",), servers))
        self._routes = Routes(routes.pop(""), routes)
        gone = [server for key, server in before.items() if key not in self._servers]
        for server in gone:
            server.transport.close()
        if gone:
            self._redirect(gone, monotonic())

    def submit(self, pending: Pending, now: float) -> None:
        """Find an answer for a query; a question that is already on its way is not asked again."""
        exchange = self._exchanges.get(pending.query.key)
        if exchange is not None:
            exchange.waiters.append(pending)
            return
        servers = self._routes.find(pending.query.name)
        if len(servers) > 1:
            servers = sorted(servers, key=lambda server: server.health.rank(now))
        exchange = Exchange(pending, servers)
        if len(self._exchanges) >= MAX_EXCHANGES:
            self._fail_waiters(exchange, now)
            return
        self._exchanges[exchange.key] = exchange
        self._attempt(exchange, now)

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._exchanges)

    def flush(self) -> None:
        """Send what was submitted."""
        for server in self._servers.values():
            server.transport.flush()

    def tick(self, now: float) -> None:
        """Retry, fail over and give up where the time has come; called some twenty times a second."""
        for wait, fresh in self._fresh.items():
            if fresh:
                self._fresh[wait] = []
                unanswered = [exchange for exchange in fresh if not exchange.is_done]
                if unanswered:
                    self._waiting[wait].append(unanswered)
        for wait, queue in self._waiting.items():
            while queue and queue[0][0].deadline <= now:
                self._expire_first(wait, queue, now)
        self.flush()
        self._on_batch_end()

    def report(self, now: float) -> None:
        """Write the state of the upstreams to the journal and close sockets that were replaced; once a second."""
        for server in self._servers.values():
            server.report(self._journal)
            server.transport.close_retired(now)

    def _adopt_server(self, key: _Key, before: dict[_Key, Server], watch: Watch, unwatch: Unwatch) -> Server:
        server = self._servers.get(key) or before.get(key)
        if server is None:
            server = Server(key[0])
            if server.is_plain:
                server.transport = UdpUpstream(
                    server.endpoint, partial(self._on_response, server), self._on_responses, watch, unwatch
                )
            else:
                server.transport = self._make_stream(server, *key)
        self._servers[key] = server
        return server

    def _make_stream(self, server: Server, configured: UpstreamServer, ca: str | None) -> StreamUpstream:
        identity = Identity(configured.hostname, ca)
        connect: Connect = partial(connect_tls, endpoint=server.endpoint, identity=identity)
        if configured.scheme == "https":
            connect = partial(
                connect_https,
                url=server.label,
                endpoint=server.endpoint,
                identity=identity,
                find_addresses=self._find_addresses,
            )
        return StreamUpstream(
            server.label,
            connect,
            partial(self._on_response, server),
            partial(self._on_failure, server),
            server.health.lose,
            self._on_responses,
        )

    async def _find_addresses(self, host: str) -> list[str]:
        """Ask the plain upstreams that are asked for this name."""
        return await find_addresses(host, [server.endpoint for server in self._routes.find(host) if server.is_plain])

    def _redirect(self, gone: Sequence[Server], now: float) -> None:
        """Go on elsewhere with what was asked of servers that are no longer ours."""
        for exchange in list(self._exchanges.values()):
            if any(server in gone for server in exchange.servers):
                exchange.servers = self._routes.find(exchange.query.name)
                self._attempt(exchange, now)

    def _expire_first(self, wait: float, queue: deque[list[Exchange]], now: float) -> None:
        """Look through the exchanges that began to wait within one tick, the longest waiting of their kind."""
        batch = queue.popleft()
        waiting = [exchange for exchange in batch if not exchange.is_done and exchange.wait == wait]
        early = [exchange for exchange in waiting if exchange.deadline > now]
        if early:
            queue.appendleft(early)
        for exchange in waiting:
            if exchange.deadline <= now:
                self._expire(exchange, now)

    def _expire(self, exchange: Exchange, now: float) -> None:
        """Go on with an exchange whose server did not answer in time."""
        if exchange.wait == LINGER:
            self._end(exchange)
            return
        self._note(exchange.servers[(exchange.attempts - 1) % len(exchange.servers)], "timeout", now)
        self._attempt(exchange, now)

    def _attempt(self, exchange: Exchange, now: float) -> None:
        """Ask the next server, or tell those who wait that there is no answer."""
        servers = exchange.servers
        while (attempt := exchange.attempts) < len(WAITS):
            exchange.attempts = attempt + 1
            server = servers[attempt % len(servers)]
            try:
                server.transport.send(exchange)
            except OSError:
                self._note(server, "error", now)
                continue
            exchange.asked_at = now
            exchange.wait = wait = WAITS[attempt]
            exchange.deadline = now + wait
            self._fresh[wait].append(exchange)
            return
        self._fail_waiters(exchange, now)
        exchange.deadline, exchange.wait = now + LINGER, LINGER
        self._fresh[LINGER].append(exchange)

    def _on_response(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Take a response that matches an exchange."""
        if exchange.is_done:
            return
        if message[2] & _TRUNCATED and server.is_plain:
            self._start(self._ask_over_tcp(server, exchange))
        else:
            self._conclude(server, exchange, message, now)

    def _on_failure(self, server: Server, exchange: Exchange, now: float) -> None:
        """Go on elsewhere with an exchange that a server will not answer, if it is the one that is waited for."""
        asked = exchange.servers[(exchange.attempts - 1) % len(exchange.servers)]
        if not exchange.is_done and exchange.wait != LINGER and asked is server:
            self._note(server, "error", now)
            self._attempt(exchange, now)

    def _on_responses(self) -> None:
        self.flush()
        self._on_batch_end()

    def _conclude(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Answer those who wait, unless the response is useless and another server is left to ask."""
        if message[3] & 0xF in _USELESS and has_untried(exchange.attempts, len(exchange.servers)):
            self._note(server, "error", now)
            self._attempt(exchange, now)
            return
        try:
            answer = self._resolver.accept(exchange.query, message, now)
        except WireError:
            self._note(server, "error", now)
            self._attempt(exchange, now)
            return
        server.succeed(now - exchange.asked_at)
        self._end(exchange)
        for pending in exchange.waiters:
            pending.send(pending.token, self._resolver.finish(pending, answer, now))

    async def _ask_over_tcp(self, server: Server, exchange: Exchange) -> None:
        message = await tcp.exchange(server.endpoint, exchange.packet, exchange.question)
        now = monotonic()
        if exchange.is_done:
            return
        if message is None:
            self._note(server, "error", now)
            self._attempt(exchange, now)
        else:
            self._conclude(server, exchange, message, now)
        self._on_responses()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fail_waiters(self, exchange: Exchange, now: float) -> None:
        self._exchanges.pop(exchange.key, None)
        for pending in exchange.waiters:
            pending.send(pending.token, self._resolver.fail(pending, now))
        exchange.waiters = []

    def _end(self, exchange: Exchange) -> None:
        exchange.is_done = True
        if self._exchanges.get(exchange.key) is exchange:
            del self._exchanges[exchange.key]

    def _note(self, server: Server, outcome: str, now: float) -> None:
        server.health.fail(now)
        self._journal.count("upstream_exchanges", server.label, outcome)
