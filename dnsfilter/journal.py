"""The journal of one process: counters as plain integers and a bounded list of sightings.

Whoever answers writes here and goes on; once a second somebody drains it and sends the batch. Counters are cumulative
over the life of the process, so that a lost batch loses no count; batches are numbered, so that a repeated one is not
taken for another. Never blocks; what does not fit is counted as dropped.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dnsfilter.model import Sighting

MAX_SIGHTINGS = 50_000

DURATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds in seconds of the histogram of durations; what is longer counts as `+Inf`."""

_BOUNDS = (*map(str, DURATION_BUCKETS), "+Inf")

CounterKey = tuple[str, ...]
"""A metric's name without its prefix and suffix, then its label values in the order of its declaration."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened in one process since the last batch.

    `source` names the process (`worker-0`, `proxy-0`), `instance` one life of it; `counters` are cumulative since that
    life began, `gauges` are values of now, `sightings` are new. `clients` are addresses that were active lately,
    `names` those of the sample, with how often they were asked for since.
    """

    source: str
    instance: str
    counters: dict[CounterKey, float] = field(default_factory=dict)
    gauges: dict[CounterKey, float] = field(default_factory=dict)
    sightings: tuple[Sighting, ...] = ()
    clients: tuple[str, ...] = ()
    names: dict[str, int] = field(default_factory=dict)
    number: int = 0


class Journal:
    """Collects what happened.

    `unconfirmed` is the batch that may have been received or not: it is sent again as it is, before any other.
    """

    def __init__(self, source: str, instance: str) -> None:
        self._source = source
        self._instance = instance
        self.counters: Counter[CounterKey] = Counter()
        self.gauges: dict[CounterKey, float] = {}
        self.clients: set[str] = set()
        self.names: Counter[str] = Counter()
        self.unconfirmed: Batch | None = None
        self._number = 0
        self._sightings: list[Sighting] = []

    def count(self, *key: str, by: float = 1) -> None:
        """Add to a counter."""
        self.counters[key] += by  # type: ignore[assignment]

    def observe(self, metric: str, label: str, seconds: float, by: int = 1) -> None:
        """Add observations of one duration to a histogram: one bucket each, not cumulative."""
        self.count(f"{metric}_bucket", label, _BOUNDS[bisect_left(DURATION_BUCKETS, seconds)], by=by)
        self.count(f"{metric}_sum", label, by=seconds * by)

    def observe_all(self, metric: str, label: str, buckets: Sequence[int], seconds: float) -> None:
        """Add observations to a histogram: how many fall in each bucket, and their sum."""
        for bound, count in zip(_BOUNDS, buckets, strict=True):
            if count:
                self.count(f"{metric}_bucket", label, bound, by=count)
        self.count(f"{metric}_sum", label, by=seconds)

    def note(self, sighting: Sighting) -> None:
        """Keep a sighting for the next batch; when full, the oldest goes and is counted."""
        if len(self._sightings) >= MAX_SIGHTINGS:
            del self._sightings[0]
            self.count("journal_dropped")
        self._sightings.append(sighting)

    @property
    def holds_sightings(self) -> bool:
        """Whether there are sightings for another batch."""
        return bool(self._sightings)

    def drain(self, at_most: int = MAX_SIGHTINGS) -> Batch:
        """Return everything so far, but not more sightings, and forget those, clients and names."""
        self._number += 1
        batch = Batch(
            self._source,
            self._instance,
            dict(self.counters),
            dict(self.gauges),
            tuple(self._sightings[:at_most]),
            tuple(self.clients),
            dict(self.names),
            self._number,
        )
        del self._sightings[:at_most]
        self.clients.clear()
        self.names.clear()
        return batch
