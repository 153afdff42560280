"""Answers of upstreams, by question: bounded, honouring TTLs, kept a while longer for when no upstream answers.

Times are seconds of a monotonic clock that the caller reads. Knows nothing of clients or the policy.
"""

from collections import OrderedDict

from dnsfilter.config import Cache as Bounds
from dnsfilter.wire.response import Records

STALE_TTL = 30
"""The TTL of a stale answer in seconds (RFC 8767 section 4)."""

STALE_WINDOW = 86_400
"""How long after its end an answer may still be served when no upstream answers (RFC 8767 section 5)."""


class CachedAnswer:
    """An upstream's answer: `targets` are the canonical names and `addresses` the packed addresses it leads to."""

    __slots__ = ("addresses", "expires", "flags", "is_wanted", "rcode", "records", "stored", "targets")

    def __init__(
        self,
        rcode: int,
        flags: int,
        records: Records,
        targets: list[str],
        addresses: list[bytes],
        stored: float,
        expires: float,
    ) -> None:
        self.rcode = rcode
        self.flags = flags
        self.records = records
        self.targets = targets
        self.addresses = addresses
        self.stored = stored
        self.expires = expires
        self.is_wanted = False


class Cache:
    """The answers of one worker; evicts the oldest that was not asked for again (CLOCK)."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._answers: OrderedDict[bytes, CachedAnswer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def lifetime(self, ttl: int, *, is_positive: bool) -> int:
        """Return how many seconds an answer with this TTL may live here."""
        if not ttl:
            return 0
        ceiling = self._bounds.max_ttl if is_positive else self._bounds.max_negative_ttl
        return max(min(ttl, ceiling), self._bounds.min_ttl)

    def get(self, key: bytes, now: float) -> CachedAnswer | None:
        """Return the answer to a question while it lives."""
        answer = self._answers.get(key)
        if answer is None or now >= answer.expires:
            return None
        answer.is_wanted = True
        return answer

    def get_stale(self, key: bytes, now: float) -> CachedAnswer | None:
        """Return an answer that has ended, while it may be served for want of a better one."""
        answer = self._answers.get(key)
        return answer if answer and now < answer.expires + STALE_WINDOW else None

    def put(self, key: bytes, answer: CachedAnswer) -> None:
        """Keep an answer, making room for it."""
        if answer.expires <= answer.stored or not self._bounds.entries:
            return
        answers = self._answers
        if key not in answers and len(answers) >= self._bounds.entries:
            self._evict()
        answers[key] = answer

    def _evict(self) -> None:
        answers = self._answers
        for _ in range(len(answers)):
            key, answer = answers.popitem(last=False)
            if not answer.is_wanted:
                return
            answer.is_wanted = False
            answers[key] = answer
        answers.popitem(last=False)
