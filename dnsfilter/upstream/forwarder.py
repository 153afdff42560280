"""Pending queries out, answers back: coalescing, retry, failover, TCP where a datagram was too small or is in doubt.

No task per query: an exchange is an entry in tables, and a tick looks for those that waited too long.
"""

import os
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from dnsfilter.errors import WireError
from dnsfilter.journal import Journal
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.settings.resolver import Upstream, Waiting
from dnsfilter.upstream.attempts import LINGER, MAX_ATTEMPTS, WAITS, Budget, Exchange
from dnsfilter.upstream.crowding import Crowding
from dnsfilter.upstream.loops import HINFO, Loops
from dnsfilter.upstream.pool import Pool
from dnsfilter.upstream.server import Server
from dnsfilter.upstream.timers import Timers
from dnsfilter.upstream.udp import Unwatch, Watch
from dnsfilter.wire.codes import Flag, Rcode

MAX_EXCHANGES = 20_000
_FORMERR: Final = int(Rcode.FORMERR)
_BADCOOKIE_LOW: Final = int(Rcode.BADCOOKIE) & 0xF
_USELESS: Final = frozenset(map(int, (Rcode.SERVFAIL, Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR, _BADCOOKIE_LOW)))
_TRUNCATED: Final = Flag.TC >> 8
_NOISE: Final = 4096


class Forwarder:
    """The exchanges of one worker; `on_batch_end` is called when responses are ready to be sent."""

    def __init__(self, resolver: Resolver, journal: Journal, on_batch_end: Callable[[], None]) -> None:
        self._resolver = resolver
        self._journal = journal
        self._on_batch_end = on_batch_end
        self._exchanges: dict[bytes, Exchange] = {}
        self._timers = Timers()
        self._pool = Pool(self)
        self._overtakable: list[Exchange] = []
        self._budget = Budget(0)
        self._loops = Loops(b"")
        self._crowding = Crowding(Waiting())
        self._noise, self._noise_at = b"", _NOISE

    def adopt(
        self,
        upstreams: Sequence[Upstream],
        watch: Watch,
        unwatch: Unwatch,
        settings: Forwarding = Forwarding(),  # noqa: B008 - frozen
        loop_key: bytes = b"",
        waiting: Waiting = Waiting(),  # noqa: B008 - frozen
    ) -> None:
        """Ask these upstreams from now on; those that stay keep their sockets and health."""
        self._budget = Budget(settings.hedge)
        self._loops = Loops(loop_key)
        self._crowding.adopt(waiting)
        gone = self._pool.adopt(upstreams, settings, watch, unwatch)
        if gone:
            self._redirect(gone, monotonic())

    def submit(self, pending: Pending, now: float) -> None:
        """Find an answer for a query; a question that is already on its way is not asked again."""
        query = pending.query
        exchange = self._exchanges.get(query.key)
        if self._crowding.is_crowded and (bound := self._crowding.find(pending, is_new=exchange is None)):
            self._journal.count("waiting_refused", bound)
            pending.send(pending.token, self._resolver.turn_back(pending, now))
            return
        if exchange is not None:
            exchange.waiters.append(pending)
            return
        servers = self._pool.find(query.name)
        if query.qtype == HINFO and (answer := self._loops.recognise(query, now)):
            pending.send(pending.token, self._resolver.finish(pending, answer, now))
            return
        if len(servers) > 1:
            servers = sorted(servers, key=lambda server: server.health.rank())
        exchange = Exchange(query, servers, now)
        exchange.waiters.append(pending)
        if not servers or len(self._exchanges) >= MAX_EXCHANGES:
            self._fail_waiters(exchange, now)
            return
        if not (servers[0].health.is_up or any(server.health.is_up for server in servers)):
            self._answer_stale(exchange, now)
        self._begin(exchange, now)

    def _begin(self, exchange: Exchange, now: float) -> None:
        servers = exchange.servers
        self._exchanges[exchange.key] = exchange
        if servers[0].is_plain:
            if servers[0].transport.keeps_case:
                self._scramble(exchange)
            else:
                exchange.unscramble()
        self._attempt(exchange, now)
        if len(servers) > 1:
            self._consider_others(exchange, now)

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._exchanges)

    def flush(self) -> None:
        """Send what was submitted."""
        self._pool.flush()

    def tick(self, now: float) -> None:
        """Retry, fail over and give up where the time has come; called some twenty times a second."""
        self._crowding.look(self._exchanges.values())
        for exchange in self._timers.expire(now):
            self._expire(exchange, now)
        if self._overtakable:
            self._hedge(now)
        self._renew(now)
        self.end_batch()

    def report(self, now: float) -> None:
        """Write the state of the upstreams to the journal and close sockets that were replaced; once a second."""
        self._pool.report(self._journal, self._loops, now)

    def take_response(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Take a response that matches an exchange."""
        if not server.health.is_up and message[3] & 0xF not in _USELESS:
            self._resolver.cache.failures.clear()  # what it was silent about is worth asking again
        if exchange.is_done:
            self._take_late(server, exchange, message, now)
        elif message[2] & _TRUNCATED and server.is_plain:
            self._ask_over_tcp(server, exchange, now)
        else:
            self._conclude(server, exchange, message, now)

    def take_tcp_response(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Take a response to what was asked over TCP in place of UDP."""
        server.udp.compare(exchange, message, now)
        if message[2] & _TRUNCATED:
            self.take_tcp_failure(server, exchange, now)
        elif not exchange.is_done:
            self._conclude(server, exchange, message, now)

    def take_suspicion(self, server: Server, exchanges: Sequence[Exchange], now: float) -> None:
        """Ask over TCP what somebody else may have tried to answer, as long as somebody waits for it."""
        for exchange in exchanges:
            if exchange.asked is server and exchange.wait != LINGER:
                exchange.is_doubted = True
                self._count(server, "suspected")
                self._ask_over_tcp(server, exchange, now)

    def take_failure(self, server: Server, exchange: Exchange, now: float) -> None:
        """Go on elsewhere with an exchange that a server will not answer, if it is the one that is waited for."""
        if exchange.is_done:  # a copy, or a query that looks for a loop
            self._count(server, "error")
        elif exchange.wait != LINGER and exchange.asked is server:
            self._note(server, "error", now)
            self._attempt(exchange, now)

    def take_tcp_failure(self, server: Server, exchange: Exchange, now: float) -> None:
        """Go on with an exchange that a server does not answer over TCP; what was in doubt is asked more simply."""
        if exchange.is_done or exchange.wait == LINGER or exchange.asked is not server:
            return
        self._count(server, "error")
        if exchange.is_doubted:
            server.udp.concede(now)
        self._attempt(exchange, now)

    def end_batch(self) -> None:
        """Send what became ready, both ways."""
        self.flush()
        self._on_batch_end()

    def _scramble(self, exchange: Exchange) -> None:
        start = self._noise_at
        self._noise_at = end = start + len(exchange.question)
        if end > _NOISE:
            self._noise = os.urandom(_NOISE)
            start, self._noise_at = 0, len(exchange.question)
        exchange.scramble(self._noise[start : self._noise_at])

    def _consider_others(self, exchange: Exchange, now: float) -> None:
        """Let a server that is not asked show how it does, and keep in mind that one may be asked beside the first."""
        self._budget.earn()
        self._overtakable.append(exchange)
        for server in exchange.servers[1:]:
            if server.health.probe_at <= now:
                server.copy(exchange, now)
                return

    def _renew(self, now: float) -> None:
        """Ask anew, once, for what is wanted and about to end; nobody waits for it."""
        for query in self._resolver.cache.take_due(now):
            servers = self._pool.find(query.name)
            if servers and query.key not in self._exchanges and len(self._exchanges) < MAX_EXCHANGES:
                self._journal.count("prefetches")
                self._begin(Exchange(query, sorted(servers, key=lambda server: server.health.rank()), now), now)

    def _answer_stale(self, exchange: Exchange, now: float) -> None:
        """Keep nobody waiting for servers that are known to be silent, where there is a stale answer (RFC 8767)."""
        for pending in exchange.waiters:
            response = self._resolver.serve_stale(pending, now)
            if response is None:
                return
            pending.send(pending.token, response)
        exchange.waiters = []

    def _hedge(self, now: float) -> None:
        """Ask the second server too where the first takes longer than it nearly always does."""
        waiting, self._overtakable = self._overtakable, []
        for exchange in waiting:
            if exchange.is_done or exchange.attempts > 1:
                continue
            if now - exchange.began < exchange.asked.health.slow_after:
                self._overtakable.append(exchange)
            elif exchange.servers[1].health.is_up and self._budget.spend():
                exchange.overtaken = exchange.asked
                self._count(exchange.asked, "hedged")
                self._attempt(exchange, now)

    def _redirect(self, gone: Sequence[Server], now: float) -> None:
        """Go on elsewhere with what was asked of servers that are no longer ours."""
        for exchange in list(self._exchanges.values()):
            if any(server in gone for server in exchange.servers):
                exchange.servers = self._pool.find(exchange.query.name)
                self._attempt(exchange, now)

    def _expire(self, exchange: Exchange, now: float) -> None:
        """Go on with an exchange whose server did not answer in time."""
        if exchange.wait == LINGER:
            self._end(exchange)
            return
        for server in {exchange.asked, exchange.overtaken or exchange.asked}:
            self._note(server, "timeout", now)
        exchange.overtaken = None
        self._attempt(exchange, now)

    def _attempt(self, exchange: Exchange, now: float) -> None:
        """Ask the next server, or tell those who wait that there is no answer."""
        while exchange.attempts < MAX_ATTEMPTS and exchange.servers:
            wait = WAITS[exchange.attempts]
            server = exchange.next_server()
            try:
                server.transport.send(exchange)
            except OSError:
                self._note(server, "error", now)
                continue
            exchange.asked = server
            self._timers.start(exchange, wait, now)
            return
        self._give_up(exchange, now)

    def _ask_over_tcp(self, server: Server, exchange: Exchange, now: float) -> None:
        """Ask the same server again over TCP, which counts as an attempt."""
        assert server.tcp
        if exchange.attempts < MAX_ATTEMPTS:
            wait = WAITS[exchange.attempts]
            exchange.attempts += 1
            exchange.asked = server
            try:
                server.tcp.send(exchange)
            except OSError:
                self.take_tcp_failure(server, exchange, now)
            else:
                self._timers.start(exchange, wait, now)
        elif exchange.wait != LINGER:
            self._give_up(exchange, now)

    def _conclude(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Answer those who wait, unless the response is useless and something else is left to try."""
        if message[3] & 0xF in _USELESS and self._asks_on(server, exchange, message[3] & 0xF, now):
            return
        try:
            answer = self._resolver.accept(exchange.query, message, now)
        except WireError:
            self._note(server, "error", now)
            self._attempt(exchange, now)
            return
        server.succeed(exchange.time_at(server, now), now)
        if exchange.overtaken is not None and exchange.overtaken is not server:
            exchange.overtaken.health.lag(now - exchange.began)
        self._end(exchange)
        for pending in exchange.waiters:
            pending.send(pending.token, self._resolver.finish(pending, answer, now))

    def _asks_on(self, server: Server, exchange: Exchange, rcode: int, now: float) -> bool:
        """Go on asking after a useless response; whether there is a way to."""
        if server.is_plain and exchange.attempts < MAX_ATTEMPTS and self._asks_again(server, exchange, rcode, now):
            return True
        if exchange.overtaken is not None:  # the other one may still know better
            self._note(server, "error", now)
            exchange.overtaken = None
            return True
        if exchange.has_untried:
            self._note(server, "error", now)
            self._attempt(exchange, now)
            return True
        return False

    def _asks_again(self, server: Server, exchange: Exchange, rcode: int, now: float) -> bool:
        """Ask the same server with another cookie (RFC 7873 section 5.3), or without; whether that may help."""
        if rcode == _BADCOOKIE_LOW and exchange.is_doubted:
            self._ask_over_tcp(server, exchange, now)
        elif rcode == _BADCOOKIE_LOW or (rcode == _FORMERR and server.udp.concede_cookies(now)):
            exchange.is_doubted = True
            exchange.turn -= 1
            self._attempt(exchange, now)
        else:
            return False
        return True

    def _take_late(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Let a response that nobody waits for say something of its server."""
        if server.take_late(exchange, message, now):
            self._pool.leave_out_loops()
            if server.is_loop:
                self._count(server, "loop")

    def _give_up(self, exchange: Exchange, now: float) -> None:
        """Tell those who wait that there is no answer, and wait on for the cache."""
        self._fail_waiters(exchange, now)
        self._timers.start(exchange, LINGER, now)

    def _fail_waiters(self, exchange: Exchange, now: float) -> None:
        self._exchanges.pop(exchange.key, None)
        for pending in exchange.waiters:
            pending.send(pending.token, self._resolver.fail(pending, now))
        exchange.waiters = []

    def _end(self, exchange: Exchange) -> None:
        exchange.is_done = True
        self._timers.stop(exchange)
        if self._exchanges.get(exchange.key) is exchange:
            del self._exchanges[exchange.key]

    def _count(self, server: Server, outcome: str) -> None:
        self._journal.count("upstream_exchanges", server.label, outcome)

    def _note(self, server: Server, outcome: str, now: float) -> None:
        server.health.fail(now)
        self._count(server, outcome)
