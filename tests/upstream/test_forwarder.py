"""Exchanges with upstreams that answer, stay silent, fail or lie; the clock is the test's, the sockets are real."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.config import Upstream
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.upstream import forwarder as twin
from dnsfilter.upstream import udp
from dnsfilter.upstream.attempts import LINGER, WAITS
from dnsfilter.upstream.forwarder import Forwarder
from tests.fakes.descriptors import count_descriptors
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import (
    ADDRESS,
    TTL,
    addresses_in,
    identifier_of,
    make_query,
    make_resolver,
    make_response,
    rcode_of,
)
from tests.fakes.secure import SecureUpstream
from tests.fakes.upstream import (
    FakeUpstream,
    Reaction,
    answer,
    change_case,
    change_id,
    change_question,
    echo,
    fail,
    mumble,
    stay_silent,
    truncate,
)
from tests.processes import free_port

TICK = 0.05
SERVFAIL = 2

EDE_NO_REACHABLE_AUTHORITY = b"\0\x0f\0\2\0\x16"
EDE_STALE = b"\0\x0f\0\2\0\3"


class House:
    """A forwarder in a running loop; what it answers gathers in `responses`, by the ID that the client chose."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.resolver = make_resolver(rate_limit={"per_client_qps": 0})
        self.journal = self.resolver.tally.journal
        self.forwarder = Forwarder(self.resolver, self.journal, lambda: None)
        self.responses: dict[int, list[bytes]] = {}
        self.sockets: dict[socket.socket, int] = {}
        """Sockets of upstreams that are open, each with the port it asks."""

    def adopt(self, *servers: str, routes: Sequence[tuple[str, str]] = ()) -> None:
        """Ask these servers, and others for the names of routes."""
        upstreams = [Upstream(servers=servers), *(Upstream(servers=(text,), domains=(name,)) for name, text in routes)]
        self.forwarder.adopt(upstreams, self._watch, self._unwatch)

    def _watch(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self.sockets[sock] = sock.getpeername()[1]
        asyncio.get_running_loop().add_reader(sock, callback)

    def _unwatch(self, sock: socket.socket) -> None:
        del self.sockets[sock]
        asyncio.get_running_loop().remove_reader(sock)

    def ask(self, name: str = "www.example", identifier: int = 1, qtype: int = 1) -> None:
        """Let a client ask; queries of one test leave together with `flush` or with the next tick."""
        seat = self.resolver.seats.take(b"\x7f\0\0\1", self.clock)
        result = self.resolver.receive(make_query(name, qtype, identifier), seat, Transport.UDP, self.clock)
        if isinstance(result, Pending):
            result.send, result.token = self._take, identifier
            self.forwarder.submit(result, self.clock)
        else:
            assert result
            self._take(identifier, result)

    def _take(self, identifier: int, response: bytes) -> None:
        assert identifier_of(response) == identifier
        self.responses.setdefault(identifier, []).append(response)

    def advance(self, seconds: float) -> None:
        """Let time pass as the worker does: in ticks."""
        for _ in range(round(seconds / TICK)):
            self.clock += TICK
            self.forwarder.tick(self.clock)

    async def settle(self, condition: Callable[[], object], seconds: float = 3) -> None:
        """Wait, in real time, until what is on its way has arrived."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for knows no events
                await asyncio.sleep(0.002)

    async def resolve(self, name: str = "www.example", identifier: int = 1, qtype: int = 1) -> bytes:
        """Ask and return the response that comes without any time passing."""
        self.ask(name, identifier, qtype)
        self.forwarder.flush()
        await self.settle(lambda: identifier in self.responses)
        return self.response(identifier)

    def response(self, identifier: int = 1) -> bytes:
        """Return the one response that a client got."""
        (response,) = self.responses[identifier]
        return response

    def count(self, outcome: str, server: str) -> float:
        """Return what the journal says of exchanges with a server."""
        self.forwarder.report(self.clock)
        return self.journal.counters["upstream_exchanges", server, outcome]


Run = Callable[[Callable[[House], Awaitable[None]]], None]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a test in a loop, with a house; fail when anything was raised where nobody looks."""

    def run_test(test: Callable[[House], Awaitable[None]]) -> None:
        unexpected: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
            house = House()
            for module in (twin, udp):
                monkeypatch.setattr(module, "monotonic", lambda: house.clock)
            await test(house)

        asyncio.run(main())
        assert unexpected == []

    return run_test


@pytest.fixture
def start() -> Iterator[Callable[..., FakeUpstream]]:
    """Start upstreams that end with the test."""
    with ExitStack() as stack:
        yield lambda *reactions: stack.enter_context(FakeUpstream(*reactions))


Start = Callable[..., FakeUpstream]


def test_a_thousand_equal_questions_are_one(run: Run, start: Start) -> None:
    """Clients that ask the same at the same time share one query, and everyone gets the answer with their own ID."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        for identifier in range(1000):
            house.ask(identifier=identifier)
        house.forwarder.flush()
        await house.settle(lambda: len(house.responses) == 1000)
        assert len(upstream.queries) == 1
        assert all(addresses_in(house.response(identifier)) == [ADDRESS] for identifier in range(1000))
        assert not house.forwarder.is_busy

    run(test)


def test_letters_are_each_clients_own(run: Run, start: Start) -> None:
    """Two spellings of a name share a query; each client gets its own spelling back."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        house.ask("www.example", 1)
        house.ask("WwW.eXample", 2)
        house.forwarder.flush()
        await house.settle(lambda: len(house.responses) == 2)
        assert len(upstream.queries) == 1
        assert b"\3WwW\7eXample" in house.response(2)
        assert addresses_in(house.response(2)) == [ADDRESS]

    run(test)


def test_different_questions_are_different_queries(run: Run, start: Start) -> None:
    """Name and type tell questions apart."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        for identifier, (name, qtype) in enumerate([("a.example", 1), ("b.example", 1), ("a.example", 16)]):
            house.ask(name, identifier, qtype)
        house.forwarder.flush()
        await house.settle(lambda: len(house.responses) == 3)
        assert len(upstream.queries) == 3

    run(test)


def test_nothing_of_the_client_is_passed_on(run: Run, start: Start) -> None:
    """The upstream does not see the client's ID, nor options the client sent."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        for identifier in range(50):
            await house.resolve(f"n{identifier}.example", identifier)
        identifiers = [identifier_of(query) for query in upstream.queries]
        assert identifiers != list(range(50))
        assert len(set(identifiers)) > 45

    run(test)


@pytest.mark.parametrize("lie", [change_id, change_question, change_case, echo, lambda _: [b"x"]])
def test_a_lie_is_discarded_and_the_truth_awaited(run: Run, start: Start, lie: Reaction) -> None:
    """What does not match is counted and ignored; the right answer behind it is taken, without another attempt."""

    async def test(house: House) -> None:
        upstream = start(lambda query: lie(query) + answer(query))
        house.adopt(upstream.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert len(upstream.queries) == 1
        assert house.count("mismatch", upstream.text) == 1
        assert house.count("answered", upstream.text) == 1

    run(test)


def test_asks_again_then_elsewhere(run: Run, start: Start) -> None:
    """A server that is silent for the first wait is passed over for the next, which answers in time."""

    async def test(house: House) -> None:
        silent, good = start(stay_silent), start()
        house.adopt(silent.text, good.text)
        house.ask()
        house.advance(WAITS[0] - TICK)
        assert len(silent.queries) <= 1
        assert not good.queries
        house.advance(2 * TICK)
        await house.settle(lambda: house.responses)
        assert addresses_in(house.response()) == [ADDRESS]
        assert (len(silent.queries), len(good.queries)) == (1, 1)
        assert house.count("timeout", silent.text) == 1
        assert house.count("timeout", good.text) == 0

    run(test)


def test_asks_the_only_server_again(run: Run, start: Start) -> None:
    """A query that was lost is sent again to the same server where there is no other."""

    async def test(house: House) -> None:
        upstream = start(stay_silent)
        house.adopt(upstream.text)
        house.ask()
        house.forwarder.flush()
        await house.settle(lambda: upstream.queries)
        upstream.udp = answer
        house.advance(WAITS[0] + TICK)
        await house.settle(lambda: house.responses)
        assert len(upstream.queries) == 2

    run(test)


def test_the_good_server_is_preferred(run: Run, start: Start) -> None:
    """After a few failures a dead server is not asked first any more, but now and then again, and is found alive."""

    async def test(house: House) -> None:
        dead, good = start(stay_silent), start()
        house.adopt(dead.text, good.text)
        for identifier in range(3):
            house.ask(f"n{identifier}.example", identifier)
        house.advance(WAITS[0] + TICK)
        await house.settle(lambda: len(house.responses) == 3)
        for identifier in range(3, 30):
            await house.resolve(f"n{identifier}.example", identifier)
        assert len(dead.queries) == 3
        assert house.count("timeout", dead.text) == 3
        assert house.journal.gauges["upstream_up", dead.text] == 0
        house.advance(2)
        dead.udp = answer
        for identifier in range(30, 33):
            await house.resolve(f"n{identifier}.example", identifier)
        assert len(dead.queries) > 3
        house.forwarder.report(house.clock)
        assert house.journal.gauges["upstream_up", dead.text] == 1

    run(test)


@pytest.mark.parametrize("reaction", [fail, mumble, lambda query: [make_response(query, rcode=5)]])
def test_a_useless_response_is_not_the_last_word(run: Run, start: Start, reaction: Reaction) -> None:
    """SERVFAIL, REFUSED or a malformed response of one server is answered by asking the next at once."""

    async def test(house: House) -> None:
        useless, good = start(reaction), start()
        house.adopt(useless.text, good.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert len(useless.queries) == 1
        assert house.count("error", useless.text) == 1

    run(test)


def test_all_say_servfail(run: Run, start: Start) -> None:
    """When every server says SERVFAIL the client hears it at once."""

    async def test(house: House) -> None:
        upstreams = [start(fail) for _ in range(2)]
        house.adopt(*(upstream.text for upstream in upstreams))
        assert rcode_of(await house.resolve()) == SERVFAIL
        assert [len(upstream.queries) for upstream in upstreams] == [1, 1]

    run(test)


def test_truncated_means_tcp(run: Run, start: Start) -> None:
    """TC makes us ask the same server over TCP, and everyone who waits gets that answer."""

    async def test(house: House) -> None:
        upstream = start(truncate)
        house.adopt(upstream.text)
        for identifier in range(5):
            house.ask(identifier=identifier)
        house.forwarder.flush()
        await house.settle(lambda: len(house.responses) == 5)
        assert addresses_in(house.response(4)) == [ADDRESS]
        assert (len(upstream.queries), len(upstream.tcp_queries)) == (1, 1)

    run(test)


@pytest.mark.parametrize("over_tcp", [stay_silent, change_id, mumble, fail])
def test_tcp_that_fails_is_followed_by_the_next(run: Run, start: Start, over_tcp: Reaction) -> None:
    """A server that truncates and then does not deliver over TCP is passed over."""

    async def test(house: House) -> None:
        broken, good = start(truncate, over_tcp), start()
        house.adopt(broken.text, good.text)
        assert addresses_in(await house.resolve()) == [ADDRESS]
        assert len(broken.tcp_queries) == 1

    run(test)


@pytest.mark.parametrize("servers", [1, 2, 4])
def test_all_are_silent(run: Run, start: Start, servers: int) -> None:
    """When nobody answers, all who wait hear SERVFAIL with EDE 22 within 1.5 seconds, and the lists are empty later."""

    async def test(house: House) -> None:
        upstreams = [start(stay_silent) for _ in range(servers)]
        house.adopt(*(upstream.text for upstream in upstreams))
        for identifier in range(3):
            house.ask(identifier=identifier)
        house.advance(sum(WAITS) - TICK)
        assert not house.responses
        house.advance(1.5 - sum(WAITS) + TICK)
        for identifier in range(3):
            assert rcode_of(house.response(identifier)) == SERVFAIL
            assert EDE_NO_REACHABLE_AUTHORITY in house.response(identifier)
        assert not house.forwarder.is_busy
        await house.settle(lambda: sum(len(upstream.queries) for upstream in upstreams) == len(WAITS))
        house.advance(LINGER + 2 * TICK)
        assert not any(house.forwarder._waiting.values())

    run(test)


def test_no_way_to_any_server(run: Run) -> None:
    """Where no socket can be had the answer is SERVFAIL with EDE 22 at once."""

    async def test(house: House) -> None:
        house.adopt("255.255.255.255:53")
        response = await house.resolve()
        assert rcode_of(response) == SERVFAIL
        assert EDE_NO_REACHABLE_AUTHORITY in response

    run(test)


def test_stale_when_all_are_silent(run: Run, start: Start) -> None:
    """An answer that has ended is served with EDE 3 when nobody can be asked (RFC 8767)."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = stay_silent
        house.clock += TTL + 1
        house.ask(identifier=2)
        house.advance(1.5)
        assert addresses_in(house.response(2))[:1] == [ADDRESS]
        assert EDE_STALE in house.response(2)

    run(test)


def test_a_late_response_fills_the_cache(run: Run, start: Start) -> None:
    """A response that comes after the client gave up is there for whoever asks next."""

    async def test(house: House) -> None:
        upstream = start(stay_silent)
        house.adopt(upstream.text)
        house.ask()
        house.advance(1.5)
        assert rcode_of(house.response()) == SERVFAIL
        await house.settle(lambda: len(upstream.queries) == len(WAITS))
        upstream.send_late()
        await house.settle(lambda: len(house.resolver.cache))
        house.ask(identifier=2)
        assert addresses_in(house.response(2)) == [ADDRESS]
        assert len(house.responses[1]) == 1
        assert len(upstream.queries) == len(WAITS)

    run(test)


def test_a_late_response_to_an_earlier_attempt(run: Run, start: Start) -> None:
    """A slow server's answer is taken although another was asked meanwhile; the second answer changes nothing."""

    async def test(house: House) -> None:
        slow, other = start(stay_silent), start(stay_silent)
        house.adopt(slow.text, other.text)
        house.ask()
        house.advance(WAITS[0] + TICK)
        await house.settle(lambda: other.queries)
        slow.send_late()
        await house.settle(lambda: house.responses)
        other.send_late()
        await asyncio.sleep(0.05)
        assert addresses_in(house.response()) == [ADDRESS]
        house.advance(LINGER)
        assert (len(slow.queries), len(other.queries)) == (1, 1)

    run(test)


def test_too_late_is_ignored(run: Run, start: Start) -> None:
    """After the time of grace a response is nobody's."""

    async def test(house: House) -> None:
        upstream = start(stay_silent)
        house.adopt(upstream.text)
        house.ask()
        house.advance(1.5 + LINGER + TICK)
        await house.settle(lambda: len(upstream.queries) == len(WAITS))
        upstream.send_late()
        await asyncio.sleep(0.05)
        assert len(house.resolver.cache) == 0

    run(test)


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
        for identifier in range(60):
            await house.resolve(f"n{identifier}.example", identifier)
            await house.resolve(f"n{identifier}.other.example", identifier + 100)
        assert set(house.sockets.values()) == {stays.port, goes.port}
        kept = {sock for sock, port in house.sockets.items() if port == stays.port}
        house.adopt(comes.text, stays.text)
        assert house.sockets.keys() == kept
        for identifier in range(200, 230):
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
        before = count_descriptors()
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
        assert count_descriptors() - before <= 9
        assert not house.forwarder.is_busy
        assert not any(house.forwarder._waiting.values())

    run(test)
