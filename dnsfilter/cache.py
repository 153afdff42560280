"""Answers of upstreams, by question: bounded, honouring TTLs, kept a while longer for when no upstream answers.

Whole answers are kept under the question that was asked and under nothing else: what a response says of other names is
passed on with it and never answers a question for them. A denial of a name (NXDOMAIN) is kept under the name. Times are
seconds of a monotonic clock that the caller reads. Knows nothing of clients or the policy.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from dnsfilter.failures import Failures
from dnsfilter.settings.resolver import Cache as Bounds
from dnsfilter.wire.codes import Rcode
from dnsfilter.wire.denial import generalize, is_about
from dnsfilter.wire.name import from_text
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer

STALE_TTL: Final = 30
"""The TTL of a stale answer in seconds (RFC 8767 section 4)."""

MAX_SECOND_CHANCES: Final = 8
"""How many wanted answers may be passed over to find one that is not; a bound on the time that one query takes."""

PREFETCH_SHARE: Final = 0.1
"""The last part of its life in which an answer that is asked for again is renewed."""

OVERHEAD: Final = 400
"""Octets of memory that an answer takes beside its data: its objects, and its place in the tables (measured)."""

PER_RECORD: Final = 60
"""Octets of memory that a name or an address which the policy looks at takes beside its own (measured)."""

_CACHEABLE: Final = frozenset({int(Rcode.NOERROR), int(Rcode.NXDOMAIN)})
_NXDOMAIN: Final = int(Rcode.NXDOMAIN)
_NO_ID: Final = b"\0\0"
_KIND, _TYPE_CLASS_KIND = -1, -5
"""Where in a key DO and CD stand, and where what follows the name."""


class Cache:
    """The answers of one worker; evicts the oldest that was not asked for again (CLOCK)."""

    def __init__(self, bounds: Bounds) -> None:
        self._answers: dict[bytes, Answer] = {}
        self._order: deque[bytes] = deque()
        self._denied: set[bytes] = set()
        self._routes: frozenset[bytes] = frozenset()
        self.failures = Failures()
        self.due: list[bytes] = []
        """Queries, as they came but for their ID, whose answers were asked for near their end."""
        self.size = 0
        """Octets of memory, about."""
        self.limit(bounds)

    def __len__(self) -> int:
        return len(self._answers)

    def limit(self, bounds: Bounds) -> None:
        """Keep no more than this, and what comes from now on no longer; what is kept ends when it was to."""
        self._entries, self._bytes = bounds.entries, bounds.bytes
        self._min_ttl, self._max_ttl, self._max_negative_ttl = bounds.min_ttl, bounds.max_ttl, bounds.max_negative_ttl
        self._prefetch, self._nxdomain_cut = bounds.prefetch, bounds.nxdomain_cut
        self._stale = bounds.stale.total_seconds()
        self._make_room(0, self._entries)

    def adopt(self, routes: Iterable[str]) -> None:
        """Let nothing that upstreams say above these names deny what is at or below them: other upstreams know it."""
        self._routes = frozenset(map(from_text, routes))

    def get(self, key: bytes, now: float) -> Answer | None:
        """Return the answer to a question while it lives."""
        answer = self._answers.get(key)
        if answer is None or now >= answer.expires:
            answer = self._answers.get(_denial_key(key)) if self._denied else None
            if answer is None or now >= answer.expires:
                return None
        answer.is_wanted = True
        return answer

    def get_denial(self, key: bytes, now: float) -> Answer | None:
        """Return a denial of a name above a question's: it covers all that is below it (RFC 8020 section 2)."""
        denied, routes = self._denied, self._routes
        if not denied or not self._nxdomain_cut:
            return None
        name, kind = key[:_TYPE_CLASS_KIND], key[_KIND:]
        while (first := name[0]) and name not in routes:
            name = name[1 + first :]
            place = name + kind
            if place in denied and now < (denial := self._answers[place]).expires:
                denial = self._generalize(place, denial)
                denial.is_wanted = True
                return denial
        return None

    def get_stale(self, key: bytes, now: float) -> Answer | None:
        """Return an answer that has ended, while it may be served for want of a better one (RFC 8767 section 5)."""
        for place in (key, _denial_key(key)):
            answer = self._answers.get(place)
            if answer and now < answer.expires + self._stale:
                return answer
        return None

    def is_due(self, answer: Answer, now: float) -> bool:
        """Whether an answer that was just asked for again should be renewed before it ends."""
        return self._prefetch and not answer.is_renewed and now >= find_due(answer)

    def take_due(self, now: float) -> Iterator[Query]:
        """Yield the queries that should be asked anew; one for each answer, whoever noticed."""
        noticed, self.due[:] = self.due.copy(), ()
        for octets in noticed:
            query = Query(_NO_ID + octets)
            answer = self.get(query.key, now)
            if answer and self.is_due(answer, now):
                answer.is_renewed = True
                yield query

    def put(self, key: bytes, answer: Answer) -> None:
        """Let an answer end when its TTL says, within our bounds, and keep it, making room for it.

        What clients are told stays within the same bounds, so that none keeps it longer than we.
        """
        ceiling = self._max_negative_ttl if answer.is_negative else self._max_ttl
        floor = self._min_ttl if answer.ttl else 0
        if floor or answer.longest_ttl > ceiling:
            answer.bound_ttls(floor, max(ceiling, floor))
        if not answer.ttl or answer.rcode not in _CACHEABLE:
            return
        if answer.is_negative and not answer.answers and not is_about(answer, key[:_TYPE_CLASS_KIND]):
            return
        answer.expires = answer.stored + max(min(answer.ttl, ceiling), floor)
        if answer.rcode == _NXDOMAIN and not answer.answers and key[0]:
            place = _denial_key(key)
            self._keep(place, answer)
            if place in self._answers:
                self._denied.add(place)
            if key not in self._answers:
                return
        self._keep(key, answer)

    def _keep(self, key: bytes, answer: Answer) -> None:
        size = _measure(key, answer)
        if not self._entries or size > self._bytes:
            return
        answers = self._answers
        before = answers.get(key)
        if before is None:
            if len(answers) >= self._entries or self.size + size > self._bytes:
                self._make_room(size, self._entries - 1)
            self._order.append(key)
        else:
            size -= _measure(key, before)
            answer.is_wanted = True
        answers[key] = answer
        self.size += size
        if self.size > self._bytes:
            self._make_room(0, self._entries)

    def _make_room(self, size: int, entries: int) -> None:
        while len(self._answers) > entries or self.size + size > self._bytes:
            self._evict()

    def _evict(self) -> None:
        answers, order = self._answers, self._order
        key = order.popleft()
        answer = answers[key]
        for _ in range(MAX_SECOND_CHANCES if answer.is_wanted else 0):
            answer.is_wanted = False
            order.append(key)
            key = order.popleft()
            answer = answers[key]
            if not answer.is_wanted:
                break
        del answers[key]
        self.size -= _measure(key, answer)
        self._denied.discard(key)

    def _generalize(self, key: bytes, denial: Answer) -> Answer:
        """Return a denial as one that can stand behind any question, which is made of it the first time."""
        if not denial.is_general:
            self.size -= _measure(key, denial)
            denial = self._answers[key] = generalize(denial, key[:_KIND])
            self.size += _measure(key, denial)
            self._make_room(0, self._entries)
        return denial


def find_due(answer: Answer) -> float:
    """Return from when on an answer is worth renewing."""
    return answer.expires - (answer.expires - answer.stored) * PREFETCH_SHARE


def _denial_key(key: bytes) -> bytes:
    """Return under what a denial of the question's name is kept: no question's key, for it has no type."""
    return key[:_TYPE_CLASS_KIND] + key[_KIND:]


def _measure(key: bytes, answer: Answer) -> int:
    size = OVERHEAD + len(key) + len(answer.body) + 8 * len(answer.ttls)
    if answer.targets or answer.hints:
        size += PER_RECORD * (len(answer.targets) + len(answer.hints)) + sum(map(len, answer.targets))
    return size
