"""The clerk: lets the outbox take in what happened, hands out what is due, takes back what became of it.

Belongs to the thread that writes; what others may call says so. Delivers nothing itself and waits for nobody.
"""

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection, Engine

from dnsfilter.errors import StoreError
from dnsfilter.model import Event, EventKind, Standing
from dnsfilter.outgoing.message import Fate, Message, Result, find_pause
from dnsfilter.store import outbox
from dnsfilter.store.audit import audited
from dnsfilter.store.filing import HOUR, Filing, Plan
from dnsfilter.store.standings import Change

MAX_POSTED = 1_000
MAX_IN_HAND = 100
TIDY_SECONDS = 60.0

Settled = tuple[Message, Result]

_KINDS = {
    Standing.SUSPECTED: EventKind.SUSPECTED,
    Standing.CONFIRMED: EventKind.CONFIRMED,
    Standing.QUARANTINED: EventKind.QUARANTINED,
    Standing.EXEMPT: EventKind.EXEMPT,
    Standing.CLEAR: EventKind.CLEARED,
}

_log = logging.getLogger(__name__)


class Clerk:
    """`on_due` gets messages to deliver, `on_fate` outlet, fate and number of messages; both in the writer's thread.

    `heads` is the file of the audit's ends, for outlets that learn who is meant.
    """

    def __init__(
        self,
        heads: Path,
        on_due: Callable[[Sequence[Message]], None],
        on_fate: Callable[[str, str, int], None],
    ) -> None:
        self._heads, self._on_due, self._on_fate = heads, on_due, on_fate
        self._lock = threading.Lock()
        self._wanted: Collection[EventKind] = frozenset()
        self._plan: Plan | None = None
        self._posted: deque[Event] = deque(maxlen=MAX_POSTED)
        self._results: list[Settled] = []
        self._in_hand: dict[str, set[int]] = defaultdict(set)
        self._blocked: dict[str, float] = {}
        self._failures = Counter[str]()
        self._marks: Mapping[str, int] | None = None
        self._capped: Collection[str] | None = None
        self._has_new = True
        self._tidied = 0.0
        self._complaint = ""

    def want(self, kinds: Collection[EventKind]) -> None:
        """Take in only events of these kinds from now on; any thread."""
        self._wanted = frozenset(kinds)

    def follow(self, plan: Plan) -> None:
        """Address and hand out by this plan from now on; any thread."""
        self._plan = plan
        self._tidied = 0.0

    def post(self, event: Event) -> None:
        """Take in an event that belongs to no transaction; any thread."""
        with self._lock:
            self._posted.append(event)

    def settle(self, message: Message, result: Result) -> None:
        """Take what became of a message; any thread."""
        with self._lock:
            self._results.append((message, result))

    def tell(
        self, connection: Connection, changes: Sequence[Change], capped: Collection[str] | None, now: float
    ) -> None:
        """Put changes of standings, and caps that are newly reached, into the outbox of this transaction."""
        events = [event for event in (_to_event(change, now) for change in changes) if event]
        is_other = EventKind.CAP_REACHED in self._wanted and capped not in (None, self._capped)
        if not (events and self._wanted) and not is_other:
            return
        filing = Filing(connection, self._wanted, now)
        self._has_new |= filing.add(events)
        if is_other:
            self._has_new |= filing.add_capped(capped or ())
            self._capped, self._marks = capped, None
        self._count(filing.fates)

    def begin_again(self) -> None:
        """Take nothing for written that this thread remembers: a transaction has failed."""
        self._marks = self._capped = None
        self._has_new = True

    def work(self, engine: Engine, *, is_clock_steady: bool) -> bool:
        """Do what is due; whether anything has changed."""
        plan, now = self._plan, time.time()
        if plan is None:
            return False
        with self._lock:
            posted, results = list(self._posted), list(self._results)
        is_due = bool(posted or results) or self._is_anything_due(engine, plan, now, is_clock_steady=is_clock_steady)
        if is_due:
            try:
                self._write(engine, plan, now, (posted, results), is_clock_steady=is_clock_steady)
            except StoreError as error:  # of the audit's heads: who is meant must not go out
                self._complain(str(error))
                self._has_new = True
                return False
        self._hand_out(engine, plan, now)
        return is_due

    def _is_anything_due(self, engine: Engine, plan: Plan, now: float, *, is_clock_steady: bool) -> bool:
        """Look without writing, for most of the time there is nothing."""
        if self._marks is None or self._has_new or now - self._tidied >= TIDY_SECONDS:
            return True
        if is_clock_steady and any(name not in self._marks for name, _ in plan.find_due(now)):
            return True
        if EventKind.AUDIT not in self._wanted:
            return False
        with engine.connect() as connection:
            return bool(outbox.read_audit(connection, self._marks)[0])

    def _write(
        self, engine: Engine, plan: Plan, now: float, new: tuple[list[Event], list[Settled]], *, is_clock_steady: bool
    ) -> None:
        """Write all that is new within one transaction, and then forget it."""
        posted, results = new
        pauses = [self._find_pause(*settled) for settled in results]
        with self._begin(engine, plan) as connection:
            filing = Filing(connection, self._wanted, now)
            filing.add(posted)
            if EventKind.AUDIT in self._wanted:
                filing.add_audit()
            if is_clock_steady:
                filing.add_due(plan)
            filing.settle(plan, results, pauses)
            has_more = filing.address(plan)
            if now - self._tidied >= TIDY_SECONDS:
                filing.tidy(plan)
                self._tidied = now
            marks = outbox.read_marks(connection)
        self._marks, self._has_new, self._complaint = marks, has_more, ""
        self._forget(posted, results, pauses, now)
        self._count(filing.fates)

    def _begin(self, engine: Engine, plan: Plan) -> AbstractContextManager[Connection]:
        return audited(engine, self._heads) if plan.identifies else engine.begin()

    def _find_pause(self, message: Message, result: Result) -> float:
        if result.fate is Fate.BLOCKED:
            return find_pause(self._failures[message.outlet] + 1, result.pause)
        return find_pause(message.attempts + 1, result.pause) if result.fate is Fate.LATER else 0.0

    def _forget(self, posted: Sequence[Event], results: Sequence[Settled], pauses: Sequence[float], now: float) -> None:
        """Drop what is written now, and let what was in hand be in hand no more."""
        with self._lock:
            del self._results[: len(results)]
            for event in posted:
                if self._posted and self._posted[0] is event:
                    self._posted.popleft()
        for (message, result), pause in zip(results, pauses, strict=True):
            self._in_hand[message.outlet].discard(message.number)
            if result.fate is Fate.BLOCKED:
                self._blocked[message.outlet] = now + pause
                self._failures[message.outlet] += 1
            elif result.fate is Fate.DELIVERED:
                self._blocked.pop(message.outlet, None)
                self._failures.pop(message.outlet, None)

    def _hand_out(self, engine: Engine, plan: Plan, now: float) -> None:
        with engine.connect() as connection:
            due = [message for outlet in plan.terms for message in self._take(connection, plan, outlet, now)]
        if due:
            self._on_due(due)

    def _take(self, connection: Connection, plan: Plan, outlet: str, now: float) -> Iterator[Message]:
        terms, in_hand = plan.terms[outlet], self._in_hand[outlet]
        if now < self._blocked.get(outlet, 0.0) and not outbox.is_urgent(connection, outlet):
            return
        room = MAX_IN_HAND - len(in_hand)
        if terms.per_hour:
            room = min(room, terms.per_hour - outbox.count_sent(connection, outlet, now - HOUR) - len(in_hand))
        if room > 0:
            found = outbox.take_due(connection, outlet, now, room, in_hand, ordered=terms.is_ordered)
            in_hand.update(message.number for message in found)
            yield from found

    def _count(self, fates: Mapping[tuple[str, str], int]) -> None:
        for (outlet, fate), number in fates.items():
            self._on_fate(outlet, fate, number)

    def _complain(self, complaint: str) -> None:
        """Say something once until all is well again."""
        if complaint != self._complaint:
            _log.error("%s", complaint)
            self._complaint = complaint


def _to_event(change: Change, now: float) -> Event | None:
    """Return the event that a change of standing is; None where it is about no device."""
    kind = _KINDS.get(change.after)
    if kind is None or (change.after is Standing.CLEAR and change.before is Standing.UNATTRIBUTABLE):
        return None
    content: dict[str, str | list[str]] = {
        "group": change.group,
        "before": change.before.value,
        "after": change.after.value,
        "reason": change.reason,
    }
    return Event(kind, now, content, change.device, change.app)
