"""How long a question that had no answer is not asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import failures
from dnsfilter.failures import FIRST_HOLD, MAX_HOLD, RECHECK, Failures

KEY = b"key"


def hold_after(failing, now):
    """Return for how long after `now` a question is held."""
    seconds = 0.0
    while failing.is_held(KEY, now + seconds):
        seconds += 0.5
    return seconds


def test_holds_twice_as_long_each_time():
    """RFC 9520 section 3.2: at least a second, with a backoff, and far less than five minutes."""
    failing, now, holds = Failures(), 0.0, []
    for _ in range(8):
        failing.note(KEY, now)
        holds.append(hold_after(failing, now))
        now += holds[-1]
    assert holds == [1, 2, 4, 8, 16, 30, 30, 30]


def test_one_failure_of_many_waiting():
    """Those who waited for the same answer failed once, and what is held is not held longer for being asked."""
    failing = Failures()
    for _ in range(1000):
        failing.note(KEY, 5.0)
    failing.note(KEY, 5.5)
    assert failing.is_held(KEY, 5.99)
    assert not failing.is_held(KEY, 6.0)


def test_held_longer_where_there_is_a_stale_answer():
    """RFC 8767 section 5: not asked more often than every 30 seconds, however often the stale answer is wanted."""
    failing = Failures()
    failing.note(KEY, 0.0)
    for now in range(29):
        failing.note(KEY, float(now), RECHECK)
    assert failing.is_held(KEY, 29.9)
    assert not failing.is_held(KEY, 30.0)


@pytest.mark.parametrize("forget", [lambda failing: failing.forget(KEY), lambda failing: failing.clear()])
def test_forgets(forget):
    """An answer, or an upstream that is back, ends it; the next failure is a first one."""
    failing = Failures()
    for now in (0.0, 1.0, 3.0):
        failing.note(KEY, now)
    forget(failing)
    assert not failing.is_held(KEY, 3.0)
    failing.note(KEY, 3.0)
    assert hold_after(failing, 3.0) == FIRST_HOLD


def test_old_failures_do_not_count():
    """What failed long ago and not since is a first failure."""
    failing = Failures()
    failing.note(KEY, 0.0)
    failing.note(KEY, 1.0)
    failing.note(KEY, 3.0 + MAX_HOLD)
    assert hold_after(failing, 3.0 + MAX_HOLD) == FIRST_HOLD


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([FIRST_HOLD, RECHECK]), st.integers(0, 40)), max_size=60))
def test_is_bounded_and_never_holds_too_long(steps):
    """Whatever fails: never more than allowed are held, each for a second at least and half a minute at most."""
    failing, now = Failures(), 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failures, "MAX_FAILURES", 4)
        for number, at_least, seconds in steps:
            key = bytes([number])
            was_held = failing.is_held(key, now)
            failing.note(key, now, at_least)
            assert len(failing) <= 4
            assert was_held or failing.is_held(key, now + at_least - 0.01)
            assert not failing.is_held(key, now + MAX_HOLD)
            now += seconds
