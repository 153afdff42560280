"""The cache of a running server: what it renews, what a denial covers, what it gives while upstreams fail."""

import socket
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.e2e.server import Server
from tests.fakes.resolving import ADDRESS, addresses_in, make_query, make_response
from tests.fakes.upstream import FakeUpstream, fail
from tests.processes import wait_until

TTL = 4


@pytest.fixture
def short() -> Iterator[FakeUpstream]:
    """Start an upstream whose answers live for few seconds."""
    answer = partial(make_response, ttl=TTL)
    with FakeUpstream(lambda query: [answer(query)]) as upstream:
        yield upstream


def test_renews_what_is_asked_for(start: Callable[..., Server], short: FakeUpstream) -> None:
    """Asked all the time, a name is answered by the cache alone: its answer is renewed before it ends."""
    server = start(upstreams=[{"servers": [short.text]}])
    query, ends = make_query(), time.monotonic() + 2.5 * TTL
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", server.port))
        while time.monotonic() < ends:
            client.send(query)
            assert addresses_in(client.recv(4096)) == [ADDRESS]
            time.sleep(0.02)
    wait_until(lambda: server.metric("dnsfilter_prefetches_total") >= 1, "renewed", 5)


def test_stale_while_upstreams_say_servfail(start: Callable[..., Server], short: FakeUpstream) -> None:
    """An expired answer is served with EDE 3 at once, counted as stale; what never had one is SERVFAIL."""
    server = start(upstreams=[{"servers": [short.text]}])
    assert server.dig("www.example").rdata("A") == [ADDRESS]
    short.udp = fail
    wait_until(lambda: server.dig("www.example", "+edns=0").ede == (3,), "served stale", 2 * TTL)
    assert server.dig("www.example").rdata("A") == [ADDRESS]
    assert server.dig("other.example").status == "SERVFAIL"
    assert server.dig("other.example", "+edns=0").ede == (13,)
    wait_until(lambda: server.metric("dnsfilter_cache_hits_total", cache="failure") >= 2, "counted", 5)


def test_a_denied_name_denies_what_is_below(server: Server) -> None:
    """One NXDOMAIN of unbound answers for all names below, with the same SOA record."""
    assert server.dig("gone.example").status == "NXDOMAIN"
    before = server.metric("dnsfilter_cache_hits_total", cache="nxdomain")
    for number in range(10):
        answer = server.dig(f"a{number}.b.gone.example")
        assert (answer.status, [record.rtype for record in answer.authority]) == ("NXDOMAIN", ["SOA"])
    wait_until(lambda: server.metric("dnsfilter_cache_hits_total", cache="nxdomain") == before + 10, "counted", 5)
    assert server.metric("dnsfilter_cache_bytes") > 0
