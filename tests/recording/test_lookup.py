"""Times that a recording may have."""

from math import inf, nan

import pytest

from dnsfilter.recording.lookup import MAX_TIME, check_time


@pytest.mark.parametrize("seconds", [0.0, 1_700_000_000.5, MAX_TIME - 1])
def test_time(seconds: float) -> None:
    """A time between 1970 and the year 9999 stays what it is."""
    assert check_time(seconds) == seconds


@pytest.mark.parametrize("seconds", [-1.0, MAX_TIME, inf, -inf, nan])
def test_no_time(seconds: float) -> None:
    """Anything else is refused: no calendar could print it."""
    with pytest.raises(ValueError, match="is not a time"):
        check_time(seconds)
