"""Exchanges with upstreams that answer, stay silent, fail or lie; the clock is the test's, the sockets are real."""

import asyncio

import pytest

from dnsfilter.upstream.attempts import LINGER, WAITS
from tests.fakes.forwarding import EDE_NO_REACHABLE_AUTHORITY, EDE_STALE, SERVFAIL, TICK, House, Run, Start
from tests.fakes.resolving import (
    ADDRESS,
    TTL,
    addresses_in,
    identifier_of,
    make_response,
    rcode_of,
)
from tests.fakes.upstream import (
    Reaction,
    answer,
    fail,
    mumble,
    stay_silent,
    truncate,
)


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


@pytest.mark.parametrize("over_tcp", [stay_silent, truncate, mumble, fail])
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
        assert not house.forwarder._timers

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
        await house.settle(lambda: slow.queries and other.queries)
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
