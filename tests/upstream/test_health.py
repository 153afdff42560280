"""Which upstream is best, and when one is worth a copy of a query."""

from random import Random

import pytest

from dnsfilter.upstream.health import FAILURES_UNTIL_DOWN, FIRST_PAUSE, LEAST_SLOW, LONGEST_PAUSE, REFRESH, Health


def failed(times: int, now: float = 0.0) -> Health:
    health = Health()
    for _ in range(times):
        health.fail(now)
    return health


@pytest.mark.parametrize(("failures", "up"), [(0, True), (FAILURES_UNTIL_DOWN - 1, True), (FAILURES_UNTIL_DOWN, False)])
def test_is_down_after_several_failures(failures: int, *, up: bool) -> None:
    """A single failure is no reason to give an upstream up."""
    assert failed(failures).is_up is up


def test_one_success_makes_it_up() -> None:
    """An upstream that answers is up, whatever was before."""
    health = failed(50)
    health.succeed(0.02, 1.0)
    assert health.is_up
    assert health.rank() == (False, 0.02)


def test_the_fastest_comes_first() -> None:
    """Upstreams that answer are sorted by how fast they do, those that do not come last, new ones are tried."""
    fast, slow, new, down = Health(), Health(), Health(), failed(FAILURES_UNTIL_DOWN)
    fast.succeed(0.01, 0.0)
    slow.succeed(0.3, 0.0)
    assert sorted([down, slow, fast, new], key=Health.rank) == [new, fast, slow, down]


def test_times_are_smoothed() -> None:
    """One slow answer does not make an upstream slow; many do."""
    health = Health()
    health.succeed(0.01, 0.0)
    health.succeed(0.5, 0.0)
    assert health.rtt < 0.1
    for _ in range(50):
        health.succeed(0.5, 0.0)
    assert health.rtt > 0.45


def test_being_overtaken_counts_as_being_slow() -> None:
    """One that had not answered when another did is at least that slow; it never gets faster by it."""
    health = Health()
    health.succeed(0.1, 0.0)
    health.lag(0.01)
    assert health.rtt == 0.1
    for _ in range(50):
        health.lag(0.4)
    assert health.rtt > 0.35


def test_what_cannot_be_asked_is_down_at_once() -> None:
    """One such piece of news weighs as much as several failures; one answer mends it."""
    health = Health()
    health.lose(100.0)
    assert not health.is_up
    health.succeed(0.1, 101.0)
    assert health.is_up


def test_is_probed_with_growing_pauses() -> None:
    """One that is down gets a copy soon, then ever more seldom; failures in between change nothing, an answer does."""
    health = failed(FAILURES_UNTIL_DOWN, now=100.0)
    now, pauses = 100.0, []
    for _ in range(8):
        pauses.append(health.probe_at - now)
        now = health.probe_at
        health.begin_probe(now)
        health.fail(now + 0.1)
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
    health.succeed(0.1, now)
    assert health.probe_at == now + REFRESH
    for _ in range(FAILURES_UNTIL_DOWN):
        health.fail(now)
    assert health.probe_at == now + FIRST_PAUSE


@pytest.mark.parametrize("scale", [0.03, 0.3])
def test_knows_its_tail(scale: float) -> None:
    """Of many answers about one in twenty takes longer than what is called slow, however the upstream changes."""
    random, health = Random(1), Health()
    for _ in range(3000):
        health.succeed(random.expovariate(3 / scale), 0.0)
    late = 0
    for _ in range(5000):
        seconds = random.expovariate(1 / scale)
        health.succeed(seconds, 0.0)
        late += seconds > health.slow_after
    assert 0.02 < late / 5000 < 0.09


def test_nothing_is_slow_within_a_tick() -> None:
    """However fast an upstream is, it has as long as the forwarder's clock can tell."""
    health = Health()
    for _ in range(100):
        health.succeed(0.0001, 0.0)
    assert health.slow_after == LEAST_SLOW
