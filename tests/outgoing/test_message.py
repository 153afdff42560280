"""How long to wait after a failed attempt."""

import pytest

from dnsfilter.outgoing.message import FIRST_PAUSE, LONGEST_PAUSE, find_pause


@pytest.mark.parametrize(
    ("attempts", "asked", "pause"),
    [
        (1, 0, FIRST_PAUSE),
        (2, 0, 2 * FIRST_PAUSE),
        (4, 0, 8 * FIRST_PAUSE),
        (50, 0, LONGEST_PAUSE),
        (10**9, 0, LONGEST_PAUSE),
        (1, 60, 60),
        (50, 2 * LONGEST_PAUSE, 2 * LONGEST_PAUSE),
        (3, 1, 4 * FIRST_PAUSE),
    ],
)
def test_pauses_grow(attempts: int, asked: float, pause: float) -> None:
    """Each pause is twice the one before, up to the longest, and never shorter than the other side asks for."""
    assert find_pause(attempts, asked) == pause
