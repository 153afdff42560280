"""One upstream: what it is, how it does, and what came of asking it."""

import logging
from bisect import bisect_left
from contextlib import suppress

from dnsfilter.journal import DURATION_BUCKETS, Journal
from dnsfilter.upstream.attempts import Exchange
from dnsfilter.upstream.health import Health
from dnsfilter.upstream.loops import INTERVAL, Loops, Probe
from dnsfilter.upstream.stream import StreamUpstream
from dnsfilter.upstream.transport import Transport
from dnsfilter.upstream.udp import UdpUpstream
from dnsfilter.values import UpstreamServer

_log = logging.getLogger("dnsfilter.upstream")


class Server:
    """One upstream: how to ask it, how it does, and what came of asking it since the last report.

    One that is asked in the clear has two ways, `udp`, which is its `transport`, and `tcp`.
    """

    def __init__(self, configured: UpstreamServer) -> None:
        assert configured.endpoint
        self.label = configured.text
        self.endpoint = configured.endpoint
        self.is_plain = configured.scheme == "udp"
        self.health = Health()
        self.transport: Transport
        self.udp: UdpUpstream
        self.tcp: StreamUpstream | None = None
        self.buckets = [0] * (len(DURATION_BUCKETS) + 1)
        self.seconds = 0.0
        self.is_loop = False
        self._copied: Exchange | None = None
        self._copied_at = 0.0
        self._loop_probe: Probe | None = None
        self._loop_probe_at = 0.0

    def succeed(self, seconds: float, now: float) -> None:
        """Note a useful response and how long it took."""
        self.health.succeed(seconds, now)
        self.buckets[bisect_left(DURATION_BUCKETS, seconds)] += 1
        self.seconds += seconds

    def copy(self, exchange: Exchange, now: float) -> None:
        """Ask what another server is asked too, to see how this one does."""
        self.health.begin_probe(now)
        with suppress(OSError):
            self.transport.send(exchange)
            exchange.attempts += 1
            self._copied, self._copied_at = exchange, now

    def look_for_loop(self, loops: Loops, now: float) -> None:
        """Send a query that must not come back, now and then."""
        if now < self._loop_probe_at:
            return
        self._loop_probe_at = now + INTERVAL
        self._loop_probe = loops.make_probe(now)
        if self._loop_probe:
            with suppress(OSError):
                self.transport.send(self._loop_probe)

    def take_late(self, asked: object, message: bytes, now: float) -> bool:
        """Learn from a response that nobody waits for; whether the upstream now leads to us, or no longer does."""
        if asked is self._copied:
            self._copied = None
            self.health.succeed(now - self._copied_at, now)
        if self._loop_probe is None or asked is not self._loop_probe:
            return False
        found, self.is_loop = self.is_loop, self._loop_probe.came_back(message)
        if found != self.is_loop:
            _log.error("%s: %s", self.label, _LOOP if self.is_loop else "no longer leads back to us")
        return found != self.is_loop

    def flush(self) -> None:
        """Send what was asked."""
        self.transport.flush()
        if self.tcp:
            self.tcp.flush()

    def close(self) -> None:
        """Close everything."""
        self.transport.close()
        if self.tcp:
            self.tcp.close()

    def report(self, journal: Journal, now: float) -> None:
        """Hand what was noted since the last time to the journal, and close what is of no more use."""
        mismatches = self.transport.mismatches
        self.transport.close_retired(now)
        if self.tcp:
            mismatches += self.tcp.mismatches
            self.tcp.close_retired(now)
        journal.gauges["upstream_up", self.label] = float(self.health.is_up and not self.is_loop)
        journal.counters["upstream_exchanges", self.label, "mismatch"] = mismatches
        journal.count("upstream_exchanges", self.label, "answered", by=sum(self.buckets))
        journal.observe_all("upstream_duration", self.label, self.buckets, self.seconds)
        self.buckets = [0] * len(self.buckets)
        self.seconds = 0.0


_LOOP = "queries to it come back to us: it is asked no more until they do not"
