"""Which upstream is best."""

import pytest

from dnsfilter.upstream.health import FAILURES_UNTIL_DOWN, PROBE_INTERVAL, Health


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
    health.succeed(0.02)
    assert health.is_up
    assert health.rank(0.0) == (False, 0.02)


def test_the_fastest_comes_first() -> None:
    """Upstreams that answer are sorted by how fast they do, those that do not come last, new ones are tried."""
    fast, slow, new, down = Health(), Health(), Health(), failed(FAILURES_UNTIL_DOWN)
    fast.succeed(0.01)
    slow.succeed(0.3)
    order = sorted([down, slow, fast, new], key=lambda health: health.rank(0.5))
    assert order == [new, fast, slow, down]


def test_times_are_smoothed() -> None:
    """One slow answer does not make an upstream slow; many do."""
    health = Health()
    health.succeed(0.01)
    health.succeed(0.5)
    assert health.rtt < 0.1
    for _ in range(50):
        health.succeed(0.5)
    assert health.rtt > 0.45


def test_what_cannot_be_asked_is_down_at_once() -> None:
    """One such piece of news weighs as much as several failures; one answer mends it."""
    health = Health()
    health.lose(100.0)
    assert not health.is_up
    assert health.rank(100.0)[0]
    health.succeed(0.1)
    assert health.is_up


def test_is_probed_now_and_then() -> None:
    """One that is down is ranked first once per interval, and last otherwise."""
    health = failed(FAILURES_UNTIL_DOWN, now=100.0)
    ranks = [health.rank(100.0 + PROBE_INTERVAL * step / 4)[0] for step in range(13)]
    assert ranks == [True] * 4 + [False] + [True] * 3 + [False] + [True] * 3 + [False]
