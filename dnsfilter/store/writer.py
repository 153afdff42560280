"""The only writer of the store: one thread behind a bounded queue.

Whoever puts sightings in never waits. A store that fails is tried again until it works, and what does not fit into the
queue meanwhile is counted; a damaged file is set aside and a new one begun.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dnsfilter.errors import StoreError
from dnsfilter.sample import DAY
from dnsfilter.store.clerk import Clerk
from dnsfilter.store.court import Court
from dnsfilter.store.database import Failure, classify, open_store, reason, set_aside
from dnsfilter.store.devices import count_standings, list_flagged
from dnsfilter.store.outbox import count_waiting
from dnsfilter.store.retention import sweep
from dnsfilter.store.sample import forget_names, record_names
from dnsfilter.store.sightings import Attributed, record

MAX_WAITING = 500_000
MAX_BATCH = 20_000
GATHER_SECONDS = 0.5
REPORT_SECONDS = 5.0
SWEEP_SECONDS = 3600.0
RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What metrics tell of the store: devices by (app, standing, group), and flagged (app, device, standing, group).

    `swept` is when the retention was last enforced, in seconds since the epoch; `capped` are the policies whose
    `max_devices` keeps them from quarantining; `waiting` counts messages by outlet.
    """

    standings: dict[tuple[str, str, str], int]
    flagged: list[tuple[str, str, str, str]]
    swept: float = 0.0
    capped: frozenset[str] = frozenset()
    waiting: dict[str, int] = field(default_factory=dict)


class Writer:
    """Writes what it is given; `on_report` is called in the writer's thread."""

    def __init__(self, url: str, on_report: Callable[[Report], None], court: Court, clerk: Clerk | None = None) -> None:
        self._retention = self._sample_retention = inf
        self._series = 0
        self._url = url
        self._on_report = on_report
        self._court = court
        self._clerk = clerk
        self._waiting: deque[Attributed] = deque()
        self._dropped = 0
        self._names: Counter[tuple[int, str]] = Counter()
        self._condition = threading.Condition()
        self._in_hand: list[Attributed] = []
        self._ended = threading.Event()
        self._engine: Engine | None = None
        self._is_failing = False
        self._reported = self._swept = self._sampled = -inf
        self._swept_at = 0.0
        self._is_dirty = True
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def limit(self, retention: float, series: int, sample: float = 0.0) -> None:
        """Set for how many seconds sightings and the sample are kept, and how many flagged devices a report names."""
        self._retention, self._series, self._sample_retention = retention, series, sample

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, entries: Iterable[Attributed]) -> None:
        """Add sightings to the queue; the oldest that do not fit are dropped and counted."""
        with self._condition:
            self._waiting.extend(entries)
            while len(self._waiting) > MAX_WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._condition.notify()

    def put_names(self, names: Mapping[str, int]) -> None:
        """Add to the sample of today; a store that fails loses some of it."""
        today = int(time.time() // DAY)
        with self._condition:
            for name, count in names.items():
                self._names[today, name] += count

    def take_dropped(self) -> int:
        """Return how many sightings were dropped since the last call."""
        with self._condition:
            dropped, self._dropped = self._dropped, 0
            return dropped

    def stop(self, seconds: float) -> None:
        """Write what is waiting and end; give up after some seconds."""
        with self._condition:
            self._ended.set()
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while self._wait():
            if self._try() is Failure.AGAIN:
                if self._ended.is_set():
                    _log.error(
                        "ends with %d sightings that could not be stored", len(self._in_hand) + len(self._waiting)
                    )
                    break
                self._ended.wait(RETRY_SECONDS)
        self._close()

    def _wait(self) -> bool:
        """Let sightings gather; whether there is anything left to do."""
        with self._condition:
            if not self._ended.is_set():
                self._condition.wait_for(
                    lambda: self._ended.is_set() or len(self._waiting) >= MAX_BATCH, GATHER_SECONDS
                )
            if not self._in_hand:
                self._in_hand = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            return bool(self._in_hand) or not self._ended.is_set()

    def _try(self) -> Failure | None:
        """Do what is due; how that failed, if it did. One line in the log when it begins to fail and when it ends."""
        try:
            self._work()
        except (SQLAlchemyError, StoreError, OSError, ValueError) as error:
            return self._handle(error)
        if self._is_failing:
            _log.warning("the store works again")
            self._is_failing = False
        return None

    def _handle(self, error: Exception) -> Failure:
        failure = classify(error)
        if not self._is_failing:
            _log.error("the store fails (%s): %s", failure, reason(error))
            self._is_failing = True
        self._close()
        self._court.sit_again()
        if self._clerk:
            self._clerk.begin_again()
        if failure is Failure.DAMAGED:
            return self._begin_anew()
        if failure is Failure.REFUSED:
            with self._condition:
                self._dropped += len(self._in_hand)
            self._in_hand = []
        return failure

    def _begin_anew(self) -> Failure:
        try:
            aside = set_aside(self._url, time.time())
        except OSError:
            return Failure.AGAIN
        _log.error("the damaged store is kept as %s and a new one begins", aside)
        return Failure.DAMAGED

    def _close(self) -> None:
        if self._engine:
            self._engine.dispose()
            self._engine = None

    def _work(self) -> None:
        if self._engine is None:
            self._engine = open_store(self._url)
        sightings = self._in_hand
        if self._court.sit(self._engine, (lambda connection: record(connection, sightings)) if sightings else None):
            self._is_dirty, self._reported = True, -inf
        if sightings:
            self._in_hand, self._is_dirty = [], True
        if self._clerk and self._clerk.work(self._engine, is_clock_steady=self._court.is_clock_steady):
            self._is_dirty = True
        now = time.monotonic()
        if now - self._swept >= SWEEP_SECONDS:
            self._sweep(self._engine, time.time())
            self._swept, self._swept_at, self._is_dirty = now, time.time(), True
        if now - self._sampled >= REPORT_SECONDS:
            self._write_names(self._engine)
            self._sampled = now
        if self._is_dirty and now - self._reported >= REPORT_SECONDS:
            self._report(self._engine)
            self._reported, self._is_dirty = now, False

    def _sweep(self, engine: Engine, today: float) -> None:
        sweep(engine, today - self._retention)
        with engine.begin() as connection:
            forget_names(connection, today - self._sample_retention)

    def _write_names(self, engine: Engine) -> None:
        with self._condition:
            names, self._names = self._names, Counter()
        if names:
            with engine.begin() as connection:
                record_names(connection, names)

    def _report(self, engine: Engine) -> None:
        with engine.connect() as connection:
            standings, flagged = count_standings(connection), list_flagged(connection, self._series)
            waiting = count_waiting(connection)
        self._on_report(Report(standings, flagged, self._swept_at, self._court.capped, waiting))
