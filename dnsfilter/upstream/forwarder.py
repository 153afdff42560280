"""Pending queries out, answers back: coalescing, retry, failover, TCP where a datagram was too small.

No task per query: an exchange is an entry in tables, and a tick looks for those that waited too long.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from time import monotonic
from typing import Any

from dnsfilter.config import Upstream
from dnsfilter.errors import WireError
from dnsfilter.journal import Journal
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.upstream import tcp
from dnsfilter.upstream.attempts import LINGER, WAITS, Attempts
from dnsfilter.upstream.health import Health
from dnsfilter.upstream.routes import Routes
from dnsfilter.upstream.udp import Asked, Port, UdpUpstream, Unwatch, Watch
from dnsfilter.values import Endpoint, UpstreamServer
from dnsfilter.wire.codes import Flag, Rcode
from dnsfilter.wire.upstream_query import build_packet

MAX_EXCHANGES = 20_000
_USELESS = frozenset({Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR})


class Server:
    """One upstream: how to ask it, how it does, and what came of asking it since the last flush."""

    def __init__(self, label: str, endpoint: Endpoint) -> None:
        self.label = label
        self.endpoint = endpoint
        self.health = Health()
        self.udp: UdpUpstream


class Exchange:
    """One question on its way, with all the queries that wait for its answer."""

    __slots__ = (
        "asked_at",
        "attempts",
        "is_done",
        "key",
        "packet",
        "places",
        "query",
        "question",
        "servers",
        "waiters",
    )

    def __init__(self, pending: Pending, servers: list[Server]) -> None:
        self.query = pending.query
        self.key = pending.query.key
        self.question = pending.query.question
        self.packet = build_packet(pending.query)
        self.waiters = [pending]
        self.servers = servers
        self.attempts = Attempts(len(servers))
        self.places: list[tuple[Port, bytes]] = []
        self.asked_at = 0.0
        self.is_done = False


class Forwarder:
    """The exchanges of one worker; `on_batch_end` is called when responses are ready to be sent."""

    def __init__(self, resolver: Resolver, journal: Journal, on_batch_end: Callable[[], None]) -> None:
        self._resolver = resolver
        self._journal = journal
        self._on_batch_end = on_batch_end
        self._exchanges: dict[bytes, Exchange] = {}
        self._deadlines: dict[float, deque[tuple[float, Exchange, int]]] = {wait: deque() for wait in (*WAITS, LINGER)}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: dict[str, Server] = {}
        self._routes: Routes[list[Server]]

    def adopt(self, upstreams: Sequence[Upstream], watch: Watch, unwatch: Unwatch) -> None:
        """Ask these upstreams from now on; those that stay keep their sockets and health."""
        before, self._servers = self._servers, {}
        routes = {}
        for upstream in upstreams:
            servers = [self._adopt_server(server, before, watch, unwatch) for server in upstream.servers]
            routes.update(dict.fromkeys(upstream.domains or ("",), servers))
        for label in before.keys() - self._servers.keys():
            before[label].udp.close()
        self._routes = Routes(routes.pop(""), routes)

    def submit(self, pending: Pending, now: float) -> None:
        """Find an answer for a query; a question that is already on its way is not asked again."""
        exchange = self._exchanges.get(pending.query.key)
        if exchange is not None:
            exchange.waiters.append(pending)
            return
        servers = self._routes.find(pending.name)
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
            server.udp.flush()

    def tick(self, now: float) -> None:
        """Retry, fail over and give up where the time has come; called some twenty times a second."""
        for wait, queue in self._deadlines.items():
            while queue and queue[0][0] <= now:
                _, exchange, attempt = queue.popleft()
                if exchange.is_done or attempt != len(exchange.places):
                    continue
                if wait == LINGER:
                    self._end(exchange)
                else:
                    self._note(exchange.servers[(attempt - 1) % len(exchange.servers)], "timeout", now)
                    self._attempt(exchange, now)
        self.flush()
        self._on_batch_end()

    def report(self) -> None:
        """Write the state of the upstreams to the journal and close sockets that were replaced; once a second."""
        for server in self._servers.values():
            self._journal.gauges["upstream_up", server.label] = float(server.health.is_up)
            self._journal.counters["upstream_exchanges", server.label, "mismatch"] = server.udp.mismatches
            server.udp.close_retired()

    def _adopt_server(
        self, configured: UpstreamServer, before: dict[str, Server], watch: Watch, unwatch: Unwatch
    ) -> Server:
        label = configured.text
        server = self._servers.get(label) or before.get(label)
        if server is None:
            assert configured.endpoint
            server = Server(label, configured.endpoint)
            server.udp = UdpUpstream(
                configured.endpoint, partial(self._on_response, server), self._on_responses, watch, unwatch
            )
        self._servers[label] = server
        return server

    def _attempt(self, exchange: Exchange, now: float) -> None:
        """Ask the next server, or tell those who wait that there is no answer."""
        while step := exchange.attempts.next():
            index, wait = step
            server = exchange.servers[index]
            try:
                exchange.places.append(server.udp.send(exchange))
            except OSError:
                self._note(server, "error", now)
                continue
            exchange.asked_at = now
            self._deadlines[wait].append((now + wait, exchange, len(exchange.places)))
            return
        self._fail_waiters(exchange, now)
        self._deadlines[LINGER].append((now + LINGER, exchange, len(exchange.places)))

    def _on_response(self, server: Server, asked: Asked, message: bytes) -> None:
        """Take a response that matches an exchange."""
        assert isinstance(asked, Exchange)
        if asked.is_done:
            return
        if message[2] & (Flag.TC >> 8):
            self._start(self._ask_over_tcp(server, asked))
        else:
            self._conclude(server, asked, message, monotonic())

    def _on_responses(self) -> None:
        self.flush()
        self._on_batch_end()

    def _conclude(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Answer those who wait, unless the response is useless and another server is left to ask."""
        server.health.succeed(now - exchange.asked_at)
        if message[3] & 0xF in _USELESS and exchange.attempts.has_untried:
            self._note(server, "error", now)
            self._attempt(exchange, now)
            return
        try:
            answer = self._resolver.accept(exchange.query, message, now)
        except WireError:
            self._note(server, "error", now)
            self._attempt(exchange, now)
            return
        self._journal.count("upstream_exchanges", server.label, "answered")
        self._journal.observe("upstream_duration", server.label, now - exchange.asked_at)
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
        for port, identifier in exchange.places:
            port.asked.pop(identifier, None)

    def _note(self, server: Server, outcome: str, now: float) -> None:
        server.health.fail(now)
        self._journal.count("upstream_exchanges", server.label, outcome)
