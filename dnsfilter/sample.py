"""A sample of the names that were resolved, as counts without clients: a change of a list is held against it.

A name leaves this process once `sample.clients` clients have asked for it on one day (UTC); who they were is not kept
even until then: each leaves one bit of 256, and clients that share a bit count as one. What does not get that far is
part of the day's total and forgotten with the day.

Counts of the memo's hits are read off its entries, so that no hit pays for them; for one second in `LISTEN_EVERY` those
of names that are not common yet are noted by client as those of listed names always are. A second with much to read is
followed by seconds that are left out, for which it counts, too.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dnsfilter.memo import Entry
from dnsfilter.model import Outcome
from dnsfilter.settings.operation import Sample as Bounds
from dnsfilter.wire.name import to_text

TOTAL = ""
"""Stands among the names for all that was sampled, named or not."""

DAY = 86_400
MAX_NOTED = 2_000
"""How many answers, and entries of one memo, are looked at in one second."""

PACE = 200
"""How many of them a second may cost in the mean."""

LISTEN_EVERY = 10

MAX_HANDED_OVER = 1_000
"""Names that leave in one second, so that nothing waits while they are encoded."""

_MARKS = [1 << bit for bit in range(256)]
_COMMON = -1
_QUESTION = 10
"""Where the question begins in the octets behind an ID."""

_RESOLVED = frozenset({Outcome.RESOLVED, Outcome.CACHED, Outcome.OBSERVED})


class SampledNames(NamedTuple):
    """How often names were asked for: all of them (`total`), the named ones, and on how many days (0: not known)."""

    total: int
    names: dict[str, int]
    days: int = 0


def mark_of(client: str | bytes) -> int:
    """Return the bit that stands for a client; which one differs from process to process."""
    return _MARKS[hash(client) % len(_MARKS)]


class _Candidate:
    """A name: who asked for it, or that these were enough, and how often what has not left yet."""

    __slots__ = ("count", "marks")

    def __init__(self) -> None:
        self.marks = 0
        self.count = 0

    @property
    def is_common(self) -> bool:
        return self.marks == _COMMON

    def add(self, marks: int, enough: int) -> None:
        if not self.is_common:
            self.marks |= marks
            if self.marks.bit_count() >= enough:
                self.marks = _COMMON


class Sample:
    """The sample of one worker; what is resolved is noted while it `is_open`."""

    def __init__(self) -> None:
        self.is_open = False
        self._bounds = Bounds()
        self._noted: list[tuple[str, int]] = []
        self._seen = self._looked_at = 0
        self._hits: list[tuple[str, int, int]] = []
        self._find_mark: Callable[[bytes | str], int] = mark_of
        self._uncommon: list[Entry] = []
        self._listening: list[Entry] = []
        self._opened = 0
        self._candidates: dict[str, _Candidate] = {}
        self._due: set[str] = set()
        self._total = 0
        self._day = 0
        self._pause = 0

    def adopt(self, bounds: Bounds, find_mark: Callable[[bytes | str], int] = mark_of) -> None:
        """Sample within these bounds from now on; what was sampled under others is forgotten.

        `find_mark` returns the mark of a client as the memo's entries name it.
        """
        self._find_mark = find_mark
        if bounds != self._bounds:
            self._bounds = bounds
            self._forget()
        self.is_open = bounds.enabled and not self._pause

    def note(self, name: str, mark: int) -> None:
        """Note that a client, which has this mark, got an answer that was not in the memo."""
        self._seen += 1
        if len(self._noted) < MAX_NOTED:
            self._noted.append((name, mark))

    def read_hits(self, touched: Sequence[Entry]) -> None:
        """Note how often entries of a memo, that were hit within the last second, were."""
        step = 1 + len(touched) // MAX_NOTED
        for entry in touched[::step]:
            if not entry.rcode and entry.outcome in _RESOLVED:
                name, marks = to_text(entry.tail[_QUESTION:]), 0
                for client in entry.seen or ():
                    marks |= self._find_mark(client)
                self._hits.append((name, marks, entry.hits * step))
                if entry.seen is None and not self._is_common(name):
                    self._uncommon.append(entry)
        self._looked_at += len(touched) // step

    def end_second(self, today: float) -> dict[str, int]:
        """Return how often names were asked for that may be told, beside what was returned before."""
        if self._bounds.enabled and int(today // DAY) != self._day:
            self._forget()
            self._day = int(today // DAY)
        self._stop_listening()
        if self.is_open:
            self._pause = (len(self._noted) + self._looked_at) // PACE
            self._count(1 + self._pause)
        elif self._pause:
            self._pause -= 1
        self.is_open = self._bounds.enabled and not self._pause
        if self.is_open:
            self._listen()
        return self._hand_over()

    def _listen(self) -> None:
        """Now and then, let entries that were hit before say in the coming second who hits them."""
        self._opened += 1
        if self._opened % LISTEN_EVERY == 0:
            self._listening = self._uncommon
            for entry in self._listening:
                entry.seen = {}
        self._uncommon = []

    def _stop_listening(self) -> None:
        for entry in self._listening:
            entry.seen = None
        self._listening = []

    def _count(self, weight: int) -> None:
        """Count what was noted, each for so many seconds."""
        share = weight * max(1, self._seen // max(1, len(self._noted)))
        for name, mark in self._noted:
            self._add(name, mark, share)
        for name, marks, hits in self._hits:
            self._add(name, marks, weight * hits)
        self._noted.clear()
        self._hits.clear()
        self._seen = self._looked_at = 0
        if len(self._candidates) > self._bounds.names:
            self._make_room()

    def _is_common(self, name: str) -> bool:
        candidate = self._candidates.get(name)
        return candidate is not None and candidate.is_common

    def _add(self, name: str, marks: int, count: int) -> None:
        candidate = self._candidates.get(name)
        if candidate is None:
            candidate = self._candidates[name] = _Candidate()
        candidate.add(marks, self._bounds.clients)
        candidate.count += count
        self._total += count
        if candidate.is_common:
            self._due.add(name)

    def _make_room(self) -> None:
        """Keep the half that is, or is most likely to become, common."""
        ranked = sorted(self._candidates.items(), key=_rank, reverse=True)
        self._candidates = dict(ranked[: self._bounds.names // 2])
        self._due &= self._candidates.keys()

    def _hand_over(self) -> dict[str, int]:
        told: dict[str, int] = {}
        if self._total:
            told[TOTAL], self._total = self._total, 0
        for _ in range(min(MAX_HANDED_OVER, len(self._due))):
            candidate = self._candidates[name := self._due.pop()]
            told[name], candidate.count = candidate.count, 0
        return told

    def _forget(self) -> None:
        self._noted.clear()
        self._hits.clear()
        self._stop_listening()
        self._uncommon.clear()
        self._candidates.clear()
        self._due.clear()
        self._total = self._seen = self._looked_at = 0


def _rank(item: tuple[str, _Candidate]) -> tuple[bool, int, int]:
    candidate = item[1]
    return candidate.is_common, candidate.marks.bit_count(), candidate.count
