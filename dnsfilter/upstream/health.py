"""Which upstream is best: those that answer before those that do not, the fastest first.

An upstream that failed several times in a row is asked again now and then by a real query (half-open). Times are
seconds of a monotonic clock that the caller reads.
"""

FAILURES_UNTIL_DOWN = 3
PROBE_INTERVAL = 1.0
_SMOOTHING = 0.125


class Health:
    """What is known of one upstream."""

    __slots__ = ("_failures", "_next_probe", "rtt")

    def __init__(self) -> None:
        self._failures = 0
        self._next_probe = 0.0
        self.rtt = 0.0

    @property
    def is_up(self) -> bool:
        """Whether the upstream answered lately, or was not asked yet."""
        return self._failures < FAILURES_UNTIL_DOWN

    def succeed(self, seconds: float) -> None:
        """Note a response and how long it took."""
        self._failures = 0
        self.rtt += (seconds - self.rtt) * (_SMOOTHING if self.rtt else 1.0)

    def fail(self, now: float) -> None:
        """Note that no response, or a useless one, came."""
        self._failures += 1
        self._next_probe = now + PROBE_INTERVAL

    def lose(self, now: float) -> None:
        """Note that the upstream cannot be asked at all."""
        self._failures = max(self._failures, FAILURES_UNTIL_DOWN)
        self._next_probe = now + PROBE_INTERVAL

    def rank(self, now: float) -> tuple[bool, float]:
        """Return what to sort upstreams by; one that is down is worth a probe once per interval."""
        if self.is_up:
            return False, self.rtt
        if now >= self._next_probe:
            self._next_probe = now + PROBE_INTERVAL
            return False, 0.0
        return True, self.rtt
