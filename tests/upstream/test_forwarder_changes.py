"""Routes, changed configurations and bounds of the forwarder; the clock is the test's, the sockets are real."""

import asyncio
from pathlib import Path

import pytest

from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream import forwarder as twin
from dnsfilter.upstream.attempts import LINGER, WAITS
from dnsfilter.upstream.udp import PORTS
from tests.fakes.descriptors import open_descriptors
from tests.fakes.forwarding import SERVFAIL, TICK, House, Run, Start
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import (
    ADDRESS,
    addresses_in,
    rcode_of,
)
from tests.fakes.secure import SecureUpstream
from tests.fakes.upstream import (
    answer,
    stay_silent,
)
from tests.processes import free_port


def test_conditional_forwarding(run: Run, start: Start) -> None:
    """Names below a route go to its servers and no others do."""

    async def test(house: House) -> None:
        default, corporate = start(), start()
        house.adopt(default.text, routes=[("corp.example", corporate.text), ("10.in-addr.arpa", corporate.text)])
        names = ["www.corp.example", "corp.example", "1.10.in-addr.arpa", "www.example", "notcorp.example"]
        for identifier, name in enumerate(names):
            await house.resolve(name, identifier)
        assert (len(corporate.queries), len(default.queries)) == (3, 2)

    run(test)


def test_adopting_keeps_what_stays(run: Run, start: Start) -> None:
    """Servers that stay keep sockets and health, those that go are closed, and none is opened before it is asked."""

    async def test(house: House) -> None:
        stays, goes, comes = start(), start(), start()
        house.adopt(stays.text, routes=[("other.example", goes.text)])
        assert not house.sockets
        for identifier in range(300):  # enough for all sockets to be opened, too few for any to be renewed
            await house.resolve(f"n{identifier}.example", identifier)
            await house.resolve(f"n{identifier}.other.example", identifier + 1000)
        assert set(house.sockets.values()) == {stays.port, goes.port}
        kept = {sock for sock, port in house.sockets.items() if port == stays.port}
        house.adopt(comes.text, stays.text)
        assert house.sockets.keys() == kept
        for identifier in range(2000, 2030):
            await house.resolve(f"n{identifier}.example", identifier)
        assert {sock for sock, port in house.sockets.items() if port == stays.port} == kept
        house.adopt("127.0.0.1:9")
        assert not house.sockets
        assert all(sock.fileno() < 0 for sock in kept)

    run(test)


def test_adopting_redirects_what_is_on_its_way(run: Run, start: Start) -> None:
    """A query to a server that is no longer ours is asked of the new one at once, and no old socket stays."""

    async def test(house: House) -> None:
        dead, good = start(stay_silent), start()
        house.adopt(dead.text)
        house.ask()
        house.forwarder.flush()
        await house.settle(lambda: dead.queries)
        house.adopt(good.text)
        house.forwarder.flush()
        await house.settle(lambda: house.responses)
        assert addresses_in(house.response()) == [ADDRESS]
        house.advance(WAITS[0] + WAITS[1])
        assert house.count("timeout", good.text) == 0
        assert set(house.sockets.values()) == {good.port}

    run(test)


@pytest.mark.parametrize("text", ["tls://127.0.0.1:{}#dns.example", "https://127.0.0.1:{}/dns-query"])
def test_no_connection_is_followed_by_the_next(run: Run, start: Start, text: str) -> None:
    """An encrypted upstream that cannot be reached is down at once, and its question is asked elsewhere at once."""

    async def test(house: House) -> None:
        good, dead = start(), text.format(free_port())
        house.adopt(dead, good.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert house.count("error", dead) == 1
        assert house.journal.gauges["upstream_up", dead] == 0
        assert addresses_in(await house.resolve("b.example", 2)) == [ADDRESS]
        assert house.count("error", dead) == 1
        assert len(good.queries) == 2

    run(test)


@pytest.mark.parametrize("alpn", ["dot", "h2"])
def test_answers_over_encrypted_connections(run: Run, tmp_path: Path, alpn: str) -> None:
    """Equal questions share one query there too, and an upstream that stays keeps its connection when others go."""

    async def test(house: House) -> None:
        certificate = make_certificate(tmp_path, "127.0.0.1")
        with SecureUpstream(certificate, alpn) as server:
            text = f"tls://127.0.0.1:{server.port}" if alpn == "dot" else f"https://127.0.0.1:{server.port}/"
            upstream = Upstream(servers=(text,), ca=str(certificate))
            house.forwarder.adopt([upstream], house._watch, house._unwatch)
            for identifier in range(100):
                house.ask(identifier=identifier)
            house.forwarder.flush()
            await house.settle(lambda: len(house.responses) == 100)
            house.forwarder.adopt([upstream], house._watch, house._unwatch)
            await house.resolve("b.example", 1000)
            assert (len(server.queries), server.accepted) == (2, 1)
            assert house.count("answered", text) == 2
            house.forwarder.adopt([Upstream(servers=(text,))], house._watch, house._unwatch)
            house.ask("c.example", 1001)
            house.advance(1.5)
            assert rcode_of(house.response(1001)) == SERVFAIL
            assert len(server.queries) == 2
            house.adopt("192.0.2.1")

    run(test)


def test_one_server_in_two_routes(run: Run, start: Start) -> None:
    """A server that is named twice is one server, with one health and one set of sockets."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text, routes=[("corp.example", upstream.text)])
        await house.resolve("www.example", 1)
        await house.resolve("www.corp.example", 2)
        assert house.count("answered", upstream.text) == 2

    run(test)


def test_a_bound_on_what_is_on_its_way(run: Run, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound a further question is refused with SERVFAIL, a known one still joins, and later there is room."""
    monkeypatch.setattr(twin, "MAX_EXCHANGES", 2)

    async def test(house: House) -> None:
        upstream = start(stay_silent)
        house.adopt(upstream.text)
        for identifier, name in enumerate(["a.example", "b.example", "c.example", "a.example"]):
            house.ask(name, identifier)
        assert list(house.responses) == [2]
        assert rcode_of(house.response(2)) == SERVFAIL
        house.advance(1.5)
        upstream.udp = answer
        assert addresses_in(await house.resolve("c.example", 9)) == [ADDRESS]

    run(test)


def test_a_closed_port_is_like_silence(run: Run, start: Start) -> None:
    """A server whose port is closed costs a wait and no answer."""

    async def test(house: House) -> None:
        good = start()
        house.adopt(f"127.0.0.1:{free_port()}", good.text)
        house.ask()
        house.advance(WAITS[0] + TICK)
        await house.settle(lambda: house.responses)
        assert addresses_in(house.response()) == [ADDRESS]

    run(test)


def test_many_queries_use_up_no_descriptor(run: Run, start: Start) -> None:
    """Ten thousand different questions, answered or not, leave the sockets of one upstream and nothing else."""

    async def test(house: House) -> None:
        upstream = start(lambda query: answer(query) if query[1] % 8 else [])
        house.adopt(upstream.text)
        before = open_descriptors()
        for identifier in range(10_000):
            house.ask(f"n{identifier}.example", identifier)
            if identifier % 50 == 0:
                house.forwarder.flush()
                await asyncio.sleep(0)
                house.advance(TICK)
        house.forwarder.flush()
        for _ in range(60):
            house.advance(TICK)
            await asyncio.sleep(0.005)
        assert len(house.responses) == 10_000
        assert all(len(got) == 1 for got in house.responses.values())
        house.advance(LINGER + TICK)
        house.clock += 10
        house.forwarder.report(house.clock)
        assert len(open_descriptors() - before) <= PORTS + 1
        assert not house.forwarder.is_busy
        assert not house.forwarder._timers

    run(test)
