"""One upstream: what it is, how it does, and what came of asking it."""

from bisect import bisect_left

from dnsfilter.journal import DURATION_BUCKETS, Journal
from dnsfilter.upstream.health import Health
from dnsfilter.upstream.transport import Transport
from dnsfilter.values import UpstreamServer


class Server:
    """One upstream: how to ask it, how it does, and what came of asking it since the last flush."""

    def __init__(self, configured: UpstreamServer) -> None:
        assert configured.endpoint
        self.label = configured.text
        self.endpoint = configured.endpoint
        self.is_plain = configured.scheme == "udp"
        self.health = Health()
        self.transport: Transport
        self.buckets = [0] * (len(DURATION_BUCKETS) + 1)
        self.seconds = 0.0

    def succeed(self, seconds: float) -> None:
        """Note a useful response and how long it took."""
        self.health.succeed(seconds)
        self.buckets[bisect_left(DURATION_BUCKETS, seconds)] += 1
        self.seconds += seconds

    def report(self, journal: Journal) -> None:
        """Hand what was noted since the last time to the journal."""
        journal.gauges["upstream_up", self.label] = float(self.health.is_up)
        journal.counters["upstream_exchanges", self.label, "mismatch"] = self.transport.mismatches
        journal.count("upstream_exchanges", self.label, "answered", by=sum(self.buckets))
        journal.observe_all("upstream_duration", self.label, self.buckets, self.seconds)
        self.buckets = [0] * len(self.buckets)
        self.seconds = 0.0
