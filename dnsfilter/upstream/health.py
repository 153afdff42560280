"""Which upstream is best: those that answer before those that do not, the fastest first.

One that failed several times in a row is half-open: it gets a copy of a real query now and then, with growing pauses,
while another answers. So does one whose time was taken long ago; one that was never asked comes first. Times are
seconds of a monotonic clock that the caller reads.
"""

from math import inf

FAILURES_UNTIL_DOWN = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
REFRESH = 30.0
"""Seconds after which the time of an upstream that others are preferred to is taken again."""

LEAST_SLOW = 0.05
"""Seconds within which no answer is called slow: the clock of the forwarder ticks no faster."""

_SMOOTHING = 0.125
_INSTANT = 1e-6
"""Seconds that an answer takes at least: none at all is the time of an upstream that was not asked yet."""

_RISE, _FALL = 1.0475, 0.9975
"""Steps of the tail's estimate: one up for nineteen down keeps it where one answer in twenty takes longer."""


class Health:
    """What is known of one upstream: `rtt` smoothed, `probe_at` when it is worth a copy of a query."""

    __slots__ = ("_failures", "_pause", "_tail", "probe_at", "rtt")

    def __init__(self) -> None:
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._tail = 0.0
        self.probe_at = inf
        self.rtt = 0.0

    @property
    def is_up(self) -> bool:
        """Whether the upstream answered lately, or was not asked yet."""
        return self._failures < FAILURES_UNTIL_DOWN

    @property
    def slow_after(self) -> float:
        """After how many seconds an answer is later than some 95 in a hundred are."""
        return max(self._tail, LEAST_SLOW)

    def succeed(self, seconds: float, now: float) -> None:
        """Note a response and how long it took."""
        self._failures = 0
        self._pause = FIRST_PAUSE
        self.probe_at = now + REFRESH
        if self.rtt:
            self.rtt += (seconds - self.rtt) * _SMOOTHING
            self._tail *= _RISE if seconds > self._tail else _FALL
        else:
            self.rtt = max(seconds, _INSTANT)
            self._tail = 2 * self.rtt

    def lag(self, seconds: float) -> None:
        """Note that there was no response for so long, when another was there."""
        if seconds > self.rtt:
            self.rtt += (seconds - self.rtt) * _SMOOTHING

    def fail(self, now: float) -> None:
        """Note that no response, or a useless one, came."""
        self._failures += 1
        if self._failures == FAILURES_UNTIL_DOWN:
            self.probe_at = now + self._pause

    def lose(self, now: float) -> None:
        """Note that the upstream cannot be asked at all."""
        if self.is_up:
            self._failures = FAILURES_UNTIL_DOWN
            self.probe_at = now + self._pause

    def begin_probe(self, now: float) -> None:
        """Note that the upstream gets a copy of a query: the next one later, unless it answers."""
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.probe_at = now + self._pause

    def rank(self) -> tuple[bool, float]:
        """Return what to sort upstreams by."""
        return self._failures >= FAILURES_UNTIL_DOWN, self.rtt
