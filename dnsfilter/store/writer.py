"""The only writer of the store: one thread behind a bounded queue.

Whoever puts sightings in never waits. A store that fails is tried again until it works, and what does not fit into the
queue meanwhile is counted; a damaged file is set aside and a new one begun.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from dnsfilter.errors import StoreError
from dnsfilter.model import Standing
from dnsfilter.sample import DAY
from dnsfilter.store.clerk import Clerk
from dnsfilter.store.court import Court
from dnsfilter.store.database import Failure, classify, open_store, reason, set_aside
from dnsfilter.store.devices import count_standings, list_flagged
from dnsfilter.store.outbox import count_waiting
from dnsfilter.store.parcels import Parcel, forget_senders, list_taken, note_taken, unpack
from dnsfilter.store.retention import sweep
from dnsfilter.store.sample import forget_names, record_names
from dnsfilter.store.sightings import Attributed, DeviceKey, record

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
        self._waiting: deque[Parcel] = deque()
        self._taken: dict[str, int] = {}
        self._size = self._dropped = 0
        self._names: Counter[tuple[int, str]] = Counter()
        self._condition = threading.Condition()
        self._in_hand: list[Parcel] = []
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

    def put(self, parcel: Parcel) -> None:
        """Add sightings to the queue; the oldest that do not fit are dropped and counted."""
        with self._condition:
            self._waiting.append(parcel)
            self._size += len(parcel.entries)
            while self._size > MAX_WAITING:
                self._dropped += len(self._take_oldest().entries)
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
                    number = _count_entries(self._in_hand) + self._size
                    _log.error("ends with %d sightings that could not be stored", number)
                    break
                self._ended.wait(RETRY_SECONDS)
        self._close()

    def _wait(self) -> bool:
        """Let sightings gather; whether there is anything left to do."""
        with self._condition:
            if not self._ended.is_set():
                self._condition.wait_for(lambda: self._ended.is_set() or self._size >= MAX_BATCH, GATHER_SECONDS)
            if not self._in_hand:
                rest = max(0, self._size - MAX_BATCH)
                while self._size > rest:
                    self._in_hand.append(self._take_oldest())
            return bool(self._in_hand) or not self._ended.is_set()

    def _take_oldest(self) -> Parcel:
        parcel = self._waiting.popleft()
        self._size -= len(parcel.entries)
        return parcel

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
                self._dropped += _count_entries(self._in_hand)
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
            self._taken = _read_taken(self._engine)
        entries, last = unpack(self._in_hand, self._taken)
        if self._court.sit(self._engine, partial(_store, entries, last) if entries else None):
            self._is_dirty, self._reported = True, -inf
        if entries:
            self._is_dirty = True
        self._in_hand = []
        self._taken.update(last)
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
            forget_senders(connection, today)
        self._taken = _read_taken(engine)

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


def _read_taken(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return list_taken(connection)


def _store(
    entries: Sequence[Attributed], last: Mapping[str, int], connection: Connection
) -> Mapping[DeviceKey, Standing]:
    """Write entries and that their parcels are stored; return who must be judged, with the standing before."""
    note_taken(connection, last, time.time())
    return record(connection, entries)


def _count_entries(parcels: Iterable[Parcel]) -> int:
    return sum(len(parcel.entries) for parcel in parcels)
