"""Which upstream is asked, and what happens when one is dead, silent or wrong."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.e2e.unbound import Unbound, start_unbound
from tests.processes import Processes, free_port, wait_until

CORPORATE_ZONE = """\
@                          SOA   ns.corp.example. hostmaster.corp.example. 1 3600 900 604800 60
@                          NS    ns.corp.example.
ns.corp.example.       300 A     192.0.2.1
www.corp.example.      300 A     10.1.2.3
1.2.1.10.in-addr.arpa. 300 PTR   www.corp.example.
"""


@pytest.fixture
def silent_upstream() -> Iterator[str]:
    """Hold a port that takes queries and never answers."""
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", port))
        yield f"127.0.0.1:{port}"


def test_conditional_forwarding(
    start: Callable[..., Server], upstream: Unbound, processes: Processes, tmp_path: Path
) -> None:
    """Names below a routed domain go to that domain's resolver only, all others to the default one."""
    corporate = start_unbound(processes, tmp_path, CORPORATE_ZONE)
    routed = {"domains": ["corp.example", "10.in-addr.arpa"], "servers": [corporate.address]}
    server = start(upstreams=[{"servers": [upstream.address]}, routed])
    assert server.dig("www.corp.example").rdata("A") == ["10.1.2.3"]
    assert server.dig("-x", "10.1.2.1").rdata("PTR") == ["www.corp.example."]
    assert server.dig("www.example").rdata("A") == ["192.0.2.10", "192.0.2.11"]
    assert server.dig("notcorp.example").status == "NXDOMAIN"
    assert upstream.count("www.corp.example") == 0
    assert corporate.count("www.example") == corporate.count("notcorp.example") == 0


def test_fails_over_from_a_dead_upstream(start: Callable[..., Server], upstream: Unbound) -> None:
    """A port where nothing listens costs no answer."""
    server = start(upstreams=[{"servers": [f"127.0.0.1:{free_port()}", upstream.address]}])
    for name in ("www.example", "alias.example", "hosted.example", "mail.example"):
        assert server.dig(name).status == "NOERROR"


def test_fails_over_from_a_silent_upstream(
    start: Callable[..., Server], upstream: Unbound, silent_upstream: str
) -> None:
    """An upstream that takes queries and says nothing costs time, no answer."""
    server = start(upstreams=[{"servers": [silent_upstream, upstream.address]}])
    for name in ("www.example", "alias.example", "hosted.example", "mail.example"):
        assert server.dig(name, timeout=10).status == "NOERROR"
    wait_until(lambda: server.metric("dnsfilter_upstream_up", upstream=silent_upstream) == 0, "seen as down", 10)
    assert server.metric("dnsfilter_upstream_up", upstream=upstream.address) == 1


def test_serves_an_error_when_all_are_dead(start: Callable[..., Server]) -> None:
    """Without any upstream the client hears SERVFAIL with EDE 22, and listed names are still sinkholed."""
    server = start(upstreams=[{"servers": [f"127.0.0.1:{free_port()}"]}])
    answer = server.dig("www.example", "+edns=0", timeout=15)
    assert answer.status == "SERVFAIL"
    assert answer.ede == (22,)
    assert server.dig("www.tiktok.com").status == "NOERROR"


def test_serves_stale_when_all_are_dead(start: Callable[..., Server], processes: Processes, tmp_path: Path) -> None:
    """An expired answer is served with EDE 3 when nobody can be asked (RFC 8767)."""
    zone = "@ SOA a.example. b.example. 1 3600 900 604800 60\n@ NS a.example.\nshort.example. 1 A 192.0.2.12\n"
    mortal = start_unbound(processes, tmp_path, zone)
    server = start(upstreams=[{"servers": [mortal.address]}])
    assert server.dig("short.example").rdata("A") == ["192.0.2.12"]
    mortal.running.stop()
    wait_until(lambda: server.dig("short.example", "+edns=0", timeout=15).ede == (3,), "served stale", 30)
    assert server.dig("short.example", timeout=15).rdata("A") == ["192.0.2.12"]


def test_local_records_come_first(start: Callable[..., Server], upstream: Unbound) -> None:
    """A configured record is answered without asking an upstream."""
    server = start(records=["intranet.corp.example. 300 A 10.1.2.3"])
    assert server.dig("intranet.corp.example").rdata("A") == ["10.1.2.3"]
    assert server.dig("intranet.corp.example", "MX").status == "NOERROR"
    assert upstream.count("intranet.corp.example") == 0
