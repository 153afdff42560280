"""Answers of upstreams, by question: bounded, honouring TTLs, kept a while longer for when no upstream answers.

Times are seconds of a monotonic clock that the caller reads. Knows nothing of clients or the policy.
"""

from collections import deque

from dnsfilter.settings.resolver import Cache as Bounds
from dnsfilter.wire.codes import Rcode
from dnsfilter.wire.response import Answer

STALE_TTL = 30
"""The TTL of a stale answer in seconds (RFC 8767 section 4)."""

STALE_WINDOW = 86_400
"""How long after its end an answer may still be served when no upstream answers (RFC 8767 section 5)."""

MAX_SECOND_CHANCES = 8
"""How many wanted answers may be passed over to find one that is not; a bound on the time that one query takes."""

_CACHEABLE = frozenset({int(Rcode.NOERROR), int(Rcode.NXDOMAIN)})


class Cache:
    """The answers of one worker; evicts the oldest that was not asked for again (CLOCK)."""

    def __init__(self, bounds: Bounds) -> None:
        self._room = bounds.entries
        self._min_ttl, self._max_ttl, self._max_negative_ttl = bounds.min_ttl, bounds.max_ttl, bounds.max_negative_ttl
        self._answers: dict[bytes, Answer] = {}
        self._order: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: bytes, now: float) -> Answer | None:
        """Return the answer to a question while it lives."""
        answer = self._answers.get(key)
        if answer is None or now >= answer.expires:
            return None
        answer.is_wanted = True
        return answer

    def get_stale(self, key: bytes, now: float) -> Answer | None:
        """Return an answer that has ended, while it may be served for want of a better one."""
        answer = self._answers.get(key)
        return answer if answer and now < answer.expires + STALE_WINDOW else None

    def put(self, key: bytes, answer: Answer) -> None:
        """Let an answer end when its TTL says, within our bounds, and keep it, making room for it."""
        ttl = answer.ttl
        if not ttl or answer.rcode not in _CACHEABLE or not self._room:
            return
        ceiling = self._max_negative_ttl if answer.is_negative else self._max_ttl
        ttl = min(ttl, ceiling)
        ttl = max(ttl, self._min_ttl)
        answer.expires = answer.stored + ttl
        answers = self._answers
        if key not in answers:
            if len(answers) >= self._room:
                self._evict()
            self._order.append(key)
        answers[key] = answer

    def _evict(self) -> None:
        answers, order = self._answers, self._order
        for _ in range(MAX_SECOND_CHANCES):
            answer = answers[order[0]]
            if not answer.is_wanted:
                break
            answer.is_wanted = False
            order.rotate(-1)
        del answers[order.popleft()]
