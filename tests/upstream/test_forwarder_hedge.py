"""Slow, failing and looping upstreams beside good ones; the clock is the test's, the sockets are real."""

import asyncio
from collections.abc import Callable

import pytest

from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.upstream.attempts import WAITS
from dnsfilter.upstream.health import FAILURES_UNTIL_DOWN, LEAST_SLOW, LONGEST_PAUSE, REFRESH
from dnsfilter.upstream.loops import INTERVAL
from tests.fakes.forwarding import EDE_NO_REACHABLE_AUTHORITY, TICK, House, Run, Start
from tests.fakes.resolving import ADDRESS, addresses_in, make_response, rcode_of
from tests.fakes.upstream import answer, fail, stay_silent

KEY = b"k" * 16


async def warm_up(house: House, queries: int = 30) -> None:
    """Let every server answer something, so that its times are known and the budget has room."""
    for number in range(queries):
        await house.resolve(f"w{number}.example", 10_000 + number)


def test_a_second_server_is_asked_where_the_first_is_slow(run: Run, start: Start) -> None:
    """Long before the first has timed out the second is asked beside it, and the client has its answer."""

    async def test(house: House) -> None:
        first, second = start(), start()
        house.adopt(first.text, second.text, hedge=100)
        await warm_up(house)
        first.udp = stay_silent
        second.udp = stay_silent
        before = len(first.queries) + len(second.queries)
        house.ask()
        house.advance(LEAST_SLOW + 2 * TICK)
        await house.settle(lambda: len(first.queries) + len(second.queries) == before + 2)
        assert WAITS[0] > LEAST_SLOW + 2 * TICK
        second.send_late()
        await house.settle(lambda: house.responses.get(1))
        assert addresses_in(house.response()) == [ADDRESS]
        assert sum(house.count("hedged", upstream.text) for upstream in (first, second)) == 1
        assert sum(house.count("timeout", upstream.text) for upstream in (first, second)) == 0

    run(test)


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 0, 0), (5, 5, 15)])
def test_the_budget_bounds_what_second_servers_are_asked(
    run: Run, start: Start, percent: int, least: int, most: int
) -> None:
    """However slow the first is, no more than the share of queries, and a few saved ones, go to the second early."""

    async def test(house: House) -> None:
        first, second = start(), start()
        house.adopt(first.text, second.text, hedge=percent)
        await warm_up(house)
        first.udp = second.udp = stay_silent
        for number in range(100):
            house.ask(f"n{number}.example", number)
        house.advance(LEAST_SLOW + 2 * TICK)
        hedged = sum(house.count("hedged", upstream.text) for upstream in (first, second))
        assert least <= hedged <= most

    run(test)


def test_an_error_of_one_waits_for_the_other(run: Run, start: Start) -> None:
    """Where two were asked the first good answer wins, and an error before it is not the end."""

    async def test(house: House) -> None:
        first, second = start(), start()
        house.adopt(first.text, second.text, hedge=100)
        await warm_up(house)
        first.udp = second.udp = stay_silent
        before = len(first.queries), len(second.queries)
        house.ask()
        house.advance(LEAST_SLOW + 2 * TICK)
        await house.settle(lambda: (len(first.queries), len(second.queries)) == (before[0] + 1, before[1] + 1))
        first.send(make_response(first.queries[-1], rcode=2))
        await house.settle(lambda: house.count("error", first.text) == 1)
        assert not house.responses.get(1)
        second.send_late()
        await house.settle(lambda: house.responses.get(1))
        assert addresses_in(house.response()) == [ADDRESS]

    run(test)


def test_a_dead_server_costs_nobody_time(run: Run, start: Start) -> None:
    """One that is down gets copies of a few queries, with growing pauses; all are answered at once by the other."""

    async def test(house: House) -> None:
        dead, good = start(stay_silent), start()
        house.adopt(dead.text, good.text, hedge=0)
        for number in range(FAILURES_UNTIL_DOWN):
            house.ask(f"d{number}.example", number)
        house.advance(WAITS[0] + TICK)
        await house.settle(lambda: len(house.responses) == FAILURES_UNTIL_DOWN)
        before = len(dead.queries)
        for number in range(200):
            await house.resolve(f"n{number}.example", 100 + number)
            house.clock += TICK
        copies = len(dead.queries) - before
        assert 3 <= copies <= 8
        assert house.count("timeout", dead.text) == FAILURES_UNTIL_DOWN
        dead.udp = answer
        house.clock += LONGEST_PAUSE
        await house.resolve("back.example", 999)
        house.forwarder.flush()
        await house.settle(lambda: house.count("answered", good.text) and _is_up(house, dead.text))

    run(test)


def _is_up(house: House, server: str) -> bool:
    house.forwarder.report(house.clock)
    return house.journal.gauges["upstream_up", server] == 1


def test_a_slow_server_is_measured_again(run: Run, start: Start) -> None:
    """The one that others are preferred to gets a copy of a query when its time is old, and may come first then."""

    async def test(house: House) -> None:
        first, second = start(), start()
        house.adopt(first.text, second.text, hedge=0)
        await warm_up(house, 4)
        before = len(first.queries), len(second.queries)
        house.clock += REFRESH + 1
        await house.resolve()
        await house.settle(lambda: len(first.queries) > before[0] and len(second.queries) > before[1])

    run(test)


def test_all_servers_are_down_and_come_back(run: Run, start: Start) -> None:
    """While all are silent every query is still asked, so that the first after their return is answered at once."""

    async def test(house: House) -> None:
        upstreams = [start(stay_silent) for _ in range(2)]
        house.adopt(*(upstream.text for upstream in upstreams))
        for number in range(20):
            house.ask(f"n{number}.example", number)
            house.advance(0.5)
        house.advance(1.5)
        assert len(house.responses) == 20
        for upstream in upstreams:
            upstream.udp = answer
        assert addresses_in(await house.resolve("back.example", 99)) == [ADDRESS]

    run(test)


def test_all_say_servfail_when_there_is_a_stale_answer(run: Run, start: Start) -> None:
    """An answer that has ended is better than the error of every server (RFC 8767)."""

    async def test(house: House) -> None:
        upstreams = [start() for _ in range(2)]
        house.adopt(*(upstream.text for upstream in upstreams))
        await house.resolve()
        for upstream in upstreams:
            upstream.udp = fail
        house.clock += 400
        assert addresses_in(await house.resolve(identifier=2))[:1] == [ADDRESS]

    run(test)


def test_a_loop_is_found_broken_and_mended(run: Run, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """An upstream that sends our queries back to us is said so once and asked no more, until it no longer does."""

    async def test(house: House) -> None:
        def send_back(query: bytes) -> list[bytes]:
            results: list[bytes] = []
            loop.call_soon_threadsafe(_receive, house, query, results.append)
            while not results:
                pass
            return results

        loop = asyncio.get_running_loop()
        upstream = start(send_back)
        house.adopt(upstream.text, loop_key=KEY)
        house.forwarder.report(house.clock)
        house.forwarder.flush()
        await house.settle(lambda: house.count("loop", upstream.text) == 1)
        assert house.journal.gauges["upstream_up", upstream.text] == 0
        before = len(upstream.queries)
        response = await house.resolve()
        assert EDE_NO_REACHABLE_AUTHORITY in response
        assert len(upstream.queries) == before
        assert len([record for record in caplog.records if "come back to us" in record.message]) == 1
        upstream.udp = lambda query: [make_response(query, rcode=3)]
        house.clock += INTERVAL
        house.forwarder.report(house.clock)
        house.forwarder.flush()
        await house.settle(lambda: _is_up(house, upstream.text))
        assert rcode_of(await house.resolve("b.example", 2)) == 3
        assert "no longer leads back" in caplog.text

    run(test)


def _receive(house: House, query: bytes, send: Callable[[bytes], None]) -> None:
    """Take a query as a worker does."""
    seat = house.resolver.seats.take(b"\x7f\0\0\1", house.clock)
    pending = house.resolver.receive(query, seat, Transport.UDP, house.clock)
    assert isinstance(pending, Pending)
    pending.send, pending.token = (lambda _, response: send(response)), None
    house.forwarder.submit(pending, house.clock)
