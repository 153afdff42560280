"""A clock that may be stepped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.evidence.steadiness import SETTLE_SECONDS, TOLERANCE, Steadiness


@pytest.mark.parametrize("step", [TOLERANCE + 1, -TOLERANCE - 1, 1e9, -1e9])
def test_a_step_is_noticed(step: float) -> None:
    """A step in either direction makes the clock unsteady for a while, and no longer."""
    clock = Steadiness()
    assert clock.note(1_000.0, 10.0)
    assert clock.note(1_001.0, 11.0)
    assert not clock.note(1_002.0 + step, 12.0)
    assert not clock.note(1_001.0 + step + SETTLE_SECONDS, 11.0 + SETTLE_SECONDS)
    assert clock.note(1_002.0 + step + SETTLE_SECONDS, 12.0 + SETTLE_SECONDS)


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.floats(-4.0, 4.0))))
def test_drift_is_none(looks: list[tuple[float, float]]) -> None:
    """Clocks that drift apart slowly, as they do while one is being corrected, are steady."""
    clock, now, monotonic = Steadiness(), 1e9, 0.0
    for passed, drift in looks:
        monotonic += passed
        now += passed + drift
        assert clock.note(now, monotonic)
