"""What has waited too long is told once, in time, however it went on meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.upstream.attempts import LINGER, WAITS, Exchange
from dnsfilter.upstream.timers import Timers
from dnsfilter.wire.query import Query
from tests.fakes.resolving import make_query

TICK = 0.05


def make_exchange(now: float) -> Exchange:
    return Exchange(Query(make_query()), [], now)


def test_expires_once() -> None:
    """An exchange is told with the first tick after its time, and not again."""
    timers, exchange = Timers(), make_exchange(0.0)
    timers.start(exchange, WAITS[0], 0.0)
    assert list(timers.expire(WAITS[0] - 0.01)) == []
    assert list(timers.expire(WAITS[0])) == [exchange]
    assert list(timers.expire(WAITS[0] + 9)) == []
    assert not timers


def test_the_last_start_counts() -> None:
    """Who waits for something else is told when that is over, and who is done is not told at all."""
    timers, moved, done = Timers(), make_exchange(0.0), make_exchange(0.0)
    for exchange in (moved, done):
        timers.start(exchange, WAITS[0], 0.0)
    timers.start(moved, LINGER, 0.1)
    done.is_done = True
    assert list(timers.expire(1.0)) == []
    assert list(timers.expire(0.1 + LINGER)) == [moved]
    assert not timers


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(WAITS)), min_size=1, max_size=30))
def test_nobody_is_forgotten(starts: list[tuple[int, float]]) -> None:
    """However starts are spread over ticks, each exchange is told within two ticks after its time."""
    timers, told = Timers(), {}
    exchanges = [(make_exchange(0.0), tick, wait) for tick, wait in sorted(starts)]
    for tick in range(80):
        now = tick * TICK
        for exchange in timers.expire(now):
            assert exchange not in told
            told[exchange] = now
        for exchange, start, wait in exchanges:
            if start == tick:
                timers.start(exchange, wait, now)
    for exchange, start, wait in exchanges:
        assert start * TICK + wait <= told[exchange] + 1e-9 <= start * TICK + wait + 2 * TICK
