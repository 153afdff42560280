"""Whether the clock can be trusted: it is compared with one that nobody can set.

After a step, in either direction, the clock counts as unsteady for a while: long enough for whoever watches over it to
put a mistake right. Pure: both clocks are given.
"""

from math import inf

TOLERANCE = 5.0
"""Seconds by which the clocks may drift apart between two looks."""
SETTLE_SECONDS = 300.0


class Steadiness:
    """Watches one clock."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._steady_from = -inf

    def note(self, now: float, monotonic: float) -> bool:
        """Take what both clocks show; whether the first has not been stepped lately."""
        offset = now - monotonic
        if self._offset is not None and abs(offset - self._offset) > TOLERANCE:
            self._steady_from = monotonic + SETTLE_SECONDS
        self._offset = offset
        return monotonic >= self._steady_from
