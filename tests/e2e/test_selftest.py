"""The self-test of a running dnsfilter, over every way in, without a trace in what is counted of clients."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.server import Server
from tests.fakes.origin import make_certificate
from tests.processes import free_port, wait_until

PATHS = ("udp", "tcp", "tls", "https", "proxy")


def test_every_path_and_no_trace(start: Callable[..., Server], tmp_path: Path) -> None:
    """All listeners and the proxy refuse the name; nothing of that is a query, a response, a request or a sighting."""
    chain = make_certificate(tmp_path, "dns.example")
    listen = {
        "tls": [f"127.0.0.1:{free_port()}"],
        "https": [f"127.0.0.1:{free_port()}"],
        "certificate": {"chain": str(chain), "key": str(chain)},
    }
    proxy = {"listen": [f"regular@127.0.0.1:{free_port()}"], "metrics": f"127.0.0.1:{free_port()}"}
    server = start(listen=listen, proxy=proxy, selftest={"interval": "1s"})
    successful = "dnsfilter_selftest_successful"
    wait_until(lambda: [server.metric(successful, path=path) for path in PATHS] == [1.0] * 5, "every path", 30)
    wait_until(lambda: server.metric("dnsfilter_queries_total"), "the query that the start waited for")
    before = server.metric("dnsfilter_queries_total"), server.metric("dnsfilter_responses_total")
    os.kill(server.processes("worker")[0], signal.SIGSTOP)
    wait_until(lambda: not server.metric(successful, path="udp"), "a failure that shows", 30)
    os.kill(server.processes("worker")[0], signal.SIGCONT)
    wait_until(lambda: server.metric(successful, path="udp"), "success again", 30)
    assert (server.metric("dnsfilter_queries_total"), server.metric("dnsfilter_responses_total")) == before
    assert server.metric("dnsfilter_sightings_total") == 0


def test_a_machine_that_it_does_not_serve(start: Callable[..., Server], tmp_path: Path) -> None:
    """Where our own address is not served, being refused is right; once it is served, the answer is."""
    chain = make_certificate(tmp_path, "dns.example")
    listen = {"tls": [f"127.0.0.1:{free_port()}"], "certificate": {"chain": str(chain), "key": str(chain)}}
    server = start(listen=listen, selftest={"interval": "1s"}, allow_clients=["127.0.0.9/32", "::1/128"])
    assert server.dig("www.tiktok.com").status == "REFUSED"

    def succeeds() -> bool:
        return all(server.metric("dnsfilter_selftest_successful", path=path) for path in PATHS[:3])

    wait_until(succeeds, "every path", 30)
    server.rewrite({**server.settings, "allow_clients": ["127.0.0.0/8"]})
    wait_until(lambda: server.dig("www.tiktok.com").status == "NOERROR", "being served", 30)
    wait_until(succeeds, "the answer of a blocked name", 30)
