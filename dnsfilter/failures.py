"""Questions that lately had no answer, so that a storm of retries does not reach upstreams (RFC 9520).

Times are seconds of a monotonic clock that the caller reads. Keeps no answers.
"""

FIRST_HOLD = 1.0
"""RFC 9520 section 3.2: a failure is remembered for at least one second …"""

MAX_HOLD = 30.0
"""… twice as long each further time, well below five minutes, so that what is repaired is soon found to be."""

RECHECK = 30.0
"""While there is a stale answer to give, how long until its question is asked again (RFC 8767 section 5)."""

MAX_FAILURES = 20_000


class Failures:
    """Bounded; when full it starts over, for what goes on failing is soon back."""

    def __init__(self) -> None:
        self._holds: dict[bytes, tuple[float, float]] = {}
        """By question: when it may be asked again, and how long it could not be."""

    def __len__(self) -> int:
        return len(self._holds)

    def is_held(self, key: bytes, now: float) -> bool:
        """Whether a question is not to be asked yet."""
        held = self._holds.get(key)
        return held is not None and now < held[0]

    def note(self, key: bytes, now: float, at_least: float = FIRST_HOLD) -> None:
        """Remember a failure; what several queries waited for is one."""
        until, hold = self._holds.get(key, (0.0, 0.0))
        if now >= until:
            again = 2 * hold if now < until + MAX_HOLD else 0.0
            hold = max(min(again, MAX_HOLD), at_least)
        elif hold < at_least:
            hold = at_least
        else:
            return
        if key not in self._holds and len(self._holds) >= MAX_FAILURES:
            self._holds.clear()
        self._holds[key] = now + hold, hold

    def forget(self, key: bytes) -> None:
        """Note that a question has an answer again."""
        self._holds.pop(key, None)

    def clear(self) -> None:
        """Forget all: an upstream that was silent is back."""
        self._holds.clear()
