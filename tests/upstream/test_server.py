"""One upstream as the journal sees it."""

from dnsfilter.journal import DURATION_BUCKETS, Journal
from dnsfilter.upstream.server import Server
from dnsfilter.upstream.udp import UdpUpstream
from dnsfilter.values import parse_server


def make_server(text: str) -> Server:
    server = Server(parse_server(text))
    server.transport = UdpUpstream(server.endpoint, print, print, print, print, print)
    return server


def test_only_udp_is_plain() -> None:
    """What is asked in the clear may be asked over TCP too, and where other upstreams are."""
    texts = ["192.0.2.1", "tls://192.0.2.1", "https://192.0.2.1/"]
    assert [make_server(text).is_plain for text in texts] == [True, False, False]


def test_what_happened_is_reported_once() -> None:
    """Answers and their durations go to the journal once each, mismatches as the sum they are."""
    server, journal = make_server("192.0.2.1"), Journal("worker-0", "test")
    for seconds in (0.001, 0.002, 3.0):
        server.succeed(seconds, 0.0)
    server.transport.mismatches = 2
    for _ in range(2):
        server.report(journal, 0.0)
    assert journal.counters["upstream_exchanges", "192.0.2.1", "answered"] == 3
    assert journal.counters["upstream_exchanges", "192.0.2.1", "mismatch"] == 2
    assert journal.gauges["upstream_up", "192.0.2.1"] == 1
    assert (server.seconds, sum(server.buckets), len(server.buckets)) == (0, 0, len(DURATION_BUCKETS) + 1)
