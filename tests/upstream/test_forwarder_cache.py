"""What the cache keeps from upstreams, and asks of them before anybody has to wait."""

import pytest

from dnsfilter.failures import RECHECK
from dnsfilter.upstream.health import FAILURES_UNTIL_DOWN
from tests.fakes.forwarding import EDE_STALE, SERVFAIL, TICK, House, Run, Start
from tests.fakes.resolving import ADDRESS, TTL, addresses_in, make_response, rcode_of
from tests.fakes.upstream import Reaction, answer, fail, stay_silent

EDE_CACHED_ERROR = b"\0\x0f\0\2\0\x0d"


async def kill(house: House) -> None:
    """Ask for names until the upstream that stays silent is known to."""
    for number in range(FAILURES_UNTIL_DOWN):
        house.ask(f"dead{number}.example", 1000 + number)
    house.advance(1.5)
    assert all(rcode_of(house.response(1000 + number)) == SERVFAIL for number in range(FAILURES_UNTIL_DOWN))


def test_renews_what_is_wanted_near_its_end(run: Run, start: Start) -> None:
    """Who asks near the end is answered at once, one query renews the answer, and then it is young again."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        await house.resolve()
        house.clock += TTL * 0.95
        for identifier in range(2, 100):
            house.ask(identifier=identifier)
            assert addresses_in(house.response(identifier)) == [ADDRESS]
        assert len(upstream.queries) == 1
        house.advance(TICK)
        await house.settle(lambda: len(upstream.queries) == 2)
        await house.settle(lambda: not house.forwarder.is_busy)
        house.clock += TTL * 0.5
        house.ask(identifier=100)
        assert addresses_in(house.response(100)) == [ADDRESS]
        assert len(upstream.queries) == 2
        assert house.journal.counters["prefetches",] == 1

    run(test)


def test_what_cannot_be_renewed_lives_to_its_end(run: Run, start: Start) -> None:
    """An upstream that does not answer is asked once, and the clients get what is held."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = stay_silent
        house.clock += TTL * 0.92
        house.ask(identifier=2)
        house.advance(8)
        house.ask(identifier=3)
        house.advance(2)
        assert addresses_in(house.response(3)) == [ADDRESS]
        assert house.journal.counters["prefetches",] == 1
        assert not house.forwarder.is_busy

    run(test)


@pytest.mark.parametrize("reaction", [fail, lambda query: [make_response(query, rcode=5)]])
def test_stale_when_all_refuse(run: Run, start: Start, reaction: Reaction) -> None:
    """RFC 8767 section 4: SERVFAIL and REFUSED are no better than silence, and half a minute is left to pass."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = reaction
        house.clock += TTL + 1
        assert addresses_in(await house.resolve(identifier=2))[:1] == [ADDRESS]
        assert EDE_STALE in house.response(2)
        asked = len(upstream.queries)
        house.clock += RECHECK - 1
        house.ask(identifier=3)
        assert EDE_STALE in house.response(3)
        house.advance(TICK)
        assert len(upstream.queries) == asked
        upstream.udp = answer
        house.clock += 1
        assert EDE_STALE not in await house.resolve(identifier=4)

    run(test)


def test_a_storm_of_retries_stays_here(run: Run, start: Start) -> None:
    """RFC 9520 section 3.2: what just failed is answered at once, by SERVFAIL with EDE 13, and later asked again."""

    async def test(house: House) -> None:
        upstream = start(fail)
        house.adopt(upstream.text)
        assert rcode_of(await house.resolve()) == SERVFAIL
        asked = len(upstream.queries)
        for identifier in range(2, 100):
            house.ask(identifier=identifier)
            assert rcode_of(house.response(identifier)) == SERVFAIL
            assert EDE_CACHED_ERROR in house.response(identifier)
        house.advance(TICK)
        assert len(upstream.queries) == asked
        upstream.udp = answer
        house.clock += 1
        assert addresses_in(await house.resolve(identifier=100)) == [ADDRESS]

    run(test)


def test_nobody_waits_for_the_dead(run: Run, start: Start) -> None:
    """While all upstreams are known to be silent a stale answer is given at once, and they are asked nevertheless."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = stay_silent
        house.clock += TTL + 1
        await kill(house)
        house.ask(identifier=2)
        assert EDE_STALE in house.response(2)
        assert addresses_in(house.response(2))[:1] == [ADDRESS]
        assert house.forwarder.is_busy

    run(test)


def test_back_at_once(run: Run, start: Start) -> None:
    """When a silent upstream answers anything, what it was silent about is asked again without waiting out its hold."""

    async def test(house: House) -> None:
        upstream = start()
        house.adopt(upstream.text)
        await house.resolve()
        upstream.udp = stay_silent
        house.clock += TTL + 1
        await kill(house)
        house.ask(identifier=2)
        assert EDE_STALE in house.response(2)
        upstream.udp = answer
        await house.resolve("other.example", 3)
        house.advance(TICK)
        assert EDE_STALE not in await house.resolve(identifier=4)
        assert addresses_in(await house.resolve("dead0.example", 5)) == [ADDRESS]

    run(test)
