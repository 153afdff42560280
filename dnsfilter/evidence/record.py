"""The evidence against one device about one app, and the standing that it justifies.

    clear  ->  suspected: a strong family  ->  confirmed: two different strong families within 24 h

A family is the text of a rule; `api*.tiktokv.eu` and `api*.tiktokv.us` are one service in two zones, which a tool may
try one after the other, and count as one. So does a sign that is named after them, `request by the app (api*)`: a tool
that asks the API in the app's words gives both. Weak sightings are what a browser causes, grade none proves nothing:
neither moves a standing. A client that may not be flagged as a device is unattributable, and its sightings never become
evidence. Sightings only raise a standing; what else happens to it is in `standing`.

Pure: a record is the fold of `advance` over sightings in any order; the time of each is given.
"""

from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from dnsfilter.model import PINNED, Grade, Standing, Word

WINDOW = 24 * 3600
"""Seconds within which two families count together."""
MAX_FAMILIES = 32

_DAY = 24 * 3600


class Attribution(Word):
    """Whether an address may be taken for a device."""

    DEVICE = "device"
    UNKNOWN = "unknown"
    UNFLAGGED = "unflagged"


_DEVICE, _STRONG, _WEAK = Attribution.DEVICE, Grade.STRONG, Grade.WEAK
"""Found as members of their classes they cost as much as what is done with them."""


class Observation(NamedTuple):
    """What one sighting tells: `time` is seconds since the epoch, `family` the rule's text."""

    time: float
    family: str
    grade: Grade
    times: int = 1


class Record(NamedTuple):
    """Evidence so far. `families` holds when each strong family was last seen, `proof` the two that confirmed."""

    attribution: Attribution
    standing: Standing
    since: float
    first_seen: float
    last_seen: float
    strong: int = 0
    weak: int = 0
    none: int = 0
    days: int = 0
    families: tuple[tuple[str, float], ...] = ()
    proof: tuple[str, ...] = ()

    @property
    def sightings(self) -> int:
        """How many sightings the record holds."""
        return self.strong + self.weak + self.none

    @property
    def grades(self) -> dict[str, int]:
        """How many sightings of each grade."""
        return {Grade.STRONG: self.strong, Grade.WEAK: self.weak, Grade.NONE: self.none}

    @property
    def proven(self) -> Standing:
        """What the evidence alone justifies."""
        if self.attribution is not Attribution.DEVICE:
            return Standing.UNATTRIBUTABLE
        if self.proof:
            return Standing.CONFIRMED
        return Standing.SUSPECTED if self.families else Standing.CLEAR

    @property
    def last_strong(self) -> float:
        """When the latest piece of evidence was seen, minus infinity where there is none."""
        return max((seen for _, seen in self.families), default=-inf)


def begin(attribution: Attribution, time: float) -> Record:
    """Return the record of a client before its first sighting, at `time`."""
    standing = Standing.CLEAR if attribution is _DEVICE else Standing.UNATTRIBUTABLE
    return Record(attribution, standing, time, time, time)


def gather(attribution: Attribution, observations: Iterable[Observation]) -> Record | None:
    """Return the record of all observations, None where there are none."""
    record: Record | None = None
    for observation in observations:
        record = advance(record or begin(attribution, observation.time), observation)
    return record


def advance(record: Record, observation: Observation, valid_from: float = -inf) -> Record:
    """Add one observation; one before `valid_from` is counted and is no evidence."""
    return advance_all(record, (observation,), valid_from)


def advance_all(record: Record, observations: Sequence[Observation], valid_from: float = -inf) -> Record:
    """Add observations in their order: all are counted at once, for what is weighed reads no count."""
    record = _count(record, observations)
    if record.attribution is _DEVICE:
        for observation in observations:
            if observation.grade is _STRONG and observation.time >= valid_from:
                record = _weigh(record, observation)
    return record


def attribute(record: Record, attribution: Attribution, now: float) -> Record:
    """Return the record under another attribution; what was gathered under the old one is no evidence any more."""
    if attribution is record.attribution:
        return record
    fresh = begin(attribution, now)
    return record._replace(attribution=attribution, standing=fresh.standing, since=now, families=(), proof=())


def _count(record: Record, observations: Iterable[Observation]) -> Record:
    attribution, standing, since, first, last, strong, weak, none, days, families, proof = record
    for time, _, grade, times in observations:
        if not days or time // _DAY > last // _DAY:
            days += 1
        if grade is _WEAK:
            weak += times
        elif grade is _STRONG:
            strong += times
        else:
            none += times
        if time > last:
            last = time
        elif time < first:
            first = time
    return Record(attribution, standing, since, first, last, strong, weak, none, days, families, proof)


def _weigh(record: Record, observation: Observation) -> Record:
    """Let a strong observation move the standing; never downwards, and never what somebody has decided."""
    partner = "" if record.proof else _find_partner(record, observation)
    proof = tuple(sorted((partner, observation.family))) if partner else record.proof
    weighed = record._replace(families=_remember(record, observation), proof=proof)
    if record.standing not in (Standing.CLEAR, Standing.SUSPECTED) or weighed.proven is record.standing:
        return weighed
    return weighed._replace(standing=weighed.proven, since=observation.time)


def _find_partner(record: Record, observation: Observation) -> str:
    """Return a strong family of another service seen within the window around it, empty where there is none."""
    near = [
        (abs(observation.time - seen), family)
        for family, seen in record.families
        if _service(family) != _service(observation.family) and abs(observation.time - seen) <= WINDOW
    ]
    return min(near)[1] if near else ""


def _service(family: str) -> str:
    family = family.removeprefix(PINNED)
    if family.endswith(")"):
        return family[:-1].rpartition("(")[2]
    label, _, _ = family.partition(".")
    return label if "*" in label else family


def _remember(record: Record, observation: Observation) -> tuple[tuple[str, float], ...]:
    families = dict(record.families)
    families[observation.family] = max(observation.time, families.get(observation.family, observation.time))
    newest = sorted(families.items(), key=lambda item: item[1], reverse=True)[:MAX_FAMILIES]
    return tuple(sorted(newest))
