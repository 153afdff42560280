"""Reads devices: their rows as records, one summary per device, and the sightings behind it."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, desc, func, select

from dnsfilter.evidence.explanation import explain
from dnsfilter.evidence.record import Attribution, Record
from dnsfilter.evidence.standing import Consequence
from dnsfilter.model import Standing
from dnsfilter.store.database import Values
from dnsfilter.store.decisions import Exempted, list_exemptions
from dnsfilter.store.schema import consequences, devices, sightings, signals

SEVERITY = (
    Standing.CLEAR,
    Standing.UNATTRIBUTABLE,
    Standing.EXEMPT,
    Standing.SUSPECTED,
    Standing.CONFIRMED,
    Standing.QUARANTINED,
)
"""Standings, the gravest last."""

ROWS_AT_ONCE = 5_000

_RANK = {standing: rank for rank, standing in enumerate(SEVERITY)}
_ATTRIBUTIONS = {attribution.value: attribution for attribution in Attribution}
_STANDINGS = {standing.value: standing for standing in Standing}
_TEXTS: dict[str, str] = {member: member.value for member in (*Attribution, *Standing)}
"""For drivers, which take longer for what is not a plain text, as does asking a member for it."""
_EMPTY = "[]"
_KEY_AND_GROUP = itemgetter(0, 1, 2)
_GRADES = attrgetter("strong", "weak", "none")
_FIRST_SEEN = attrgetter("first_seen")
_LAST_SEEN = attrgetter("last_seen")
_UNREMARKABLE = (Standing.CLEAR, Standing.UNATTRIBUTABLE)
_FLAGGED = (Standing.SUSPECTED, Standing.CONFIRMED, Standing.QUARANTINED)


class DeviceSummary(NamedTuple):
    """One device over all apps: the gravest standing and its explanation; times in seconds since the epoch."""

    id: str
    group: str
    standing: Standing
    since: float
    first_seen: float
    last_seen: float
    sightings: int
    grades: dict[str, int]
    explanation: str


class EvidenceRow(NamedTuple):
    """What one device did with one rule of one list on one channel."""

    app: str
    blocklist: str
    rule: str
    role: str
    grade: str
    channel: str
    action: str
    first_seen: float
    last_seen: float
    sightings: int


def to_row(device: str, app: str, group: str, record: Record) -> Values:
    """Return the row of a record in the devices table."""
    attribution, standing, since, first, last, strong, weak, none, days, families, proof = record
    return (
        device,
        app,
        group,
        _TEXTS[attribution],
        _TEXTS[standing],
        int(since),
        int(first),
        int(last),
        strong,
        weak,
        none,
        days,
        json.dumps(families) if families else _EMPTY,
        json.dumps(proof) if proof else _EMPTY,
    )


def from_row(row: Row[Any]) -> Record:
    """Return the record of a row of the devices table."""
    values: tuple[Any, ...] = tuple(row)
    _, _, _, attribution, standing, since, first, last, strong, weak, none, days, families, proof = values
    return Record(
        _ATTRIBUTIONS[attribution],
        _STANDINGS[standing],
        since,
        first,
        last,
        strong,
        weak,
        none,
        days,
        tuple(map(tuple, json.loads(families))) if families != _EMPTY else (),
        tuple(json.loads(proof)) if proof != _EMPTY else (),
    )


def list_devices(connection: Connection, standing: Standing | None = None) -> Iterator[DeviceSummary]:
    """Yield a summary of every device, by pseudonym; only those of a standing where one is given."""
    notes = _Notes(connection)
    statement = select(devices).order_by(devices.c.device, devices.c.app)
    if standing is not None:  # at most a few of many, and whose gravest standing it is has it in a row
        statement = statement.where(
            devices.c.device.in_(select(devices.c.device).where(devices.c.standing == standing.value))
        )
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)
    for _, of_device in groupby(rows, key=itemgetter(0)):
        summary = _summarise(list(of_device), notes)
        if standing is None or summary.standing is standing:
            yield summary


def find_device(connection: Connection, device: str) -> DeviceSummary | None:
    """Return the summary of one device, None where it is unknown."""
    rows = connection.execute(select(devices).where(devices.c.device == device).order_by(devices.c.app)).all()
    return _summarise(rows, _Notes(connection)) if rows else None


def list_evidence(connection: Connection, device: str) -> list[EvidenceRow]:
    """Return what a device did, the latest first."""
    columns = (
        signals.c.app,
        signals.c.blocklist,
        signals.c.rule,
        signals.c.role,
        signals.c.grade,
        signals.c.channel,
        signals.c.action,
    )
    last = func.max(sightings.c.minute)
    statement = (
        select(*columns, func.min(sightings.c.minute) * 60, last * 60, func.sum(sightings.c.count))
        .join(signals, signals.c.signal == sightings.c.signal)
        .where(sightings.c.device == device)
        .group_by(*columns)
        .order_by(desc(last), signals.c.rule)
    )
    return [EvidenceRow(*tuple(row)) for row in connection.execute(statement)]


def count_standings(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Return how many devices there are by app, standing and group."""
    columns = devices.c.app, devices.c.standing, devices.c.group
    rows = connection.execute(select(*columns, func.count()).group_by(*columns))
    return {(app, standing, group): number for app, standing, group, number in rows}


def list_flagged(connection: Connection, limit: int) -> list[tuple[str, str, str, str]]:
    """Return app, device, standing and group of devices under suspicion or worse, the latest seen first."""
    columns = devices.c.app, devices.c.device, devices.c.standing, devices.c.group
    statement = (
        select(*columns).where(devices.c.standing.in_(_FLAGGED)).order_by(desc(devices.c.last_seen)).limit(limit)
    )
    return [(app, device, standing, group) for app, device, standing, group in connection.execute(statement)]


class _Notes:
    """What is said of devices beside their evidence: consequences and exemptions."""

    def __init__(self, connection: Connection) -> None:
        self._exemptions = list_exemptions(connection)
        self._consequences: dict[tuple[str, str], dict[str, Consequence]] = defaultdict(dict)
        for device, app, policy, consequence in connection.execute(select(consequences)):
            self._consequences[device, app][policy] = Consequence(consequence)

    def explain(self, device: str, app: str, record: Record) -> str:
        """Return the explanation of one record."""
        if record.standing in _UNREMARKABLE:
            return explain(record)
        exemption = self._exemptions.get(device)
        return explain(record, self._consequences.get((device, app)), _describe(exemption) if exemption else "")


def _describe(exemption: Exempted) -> str:
    until = datetime.fromtimestamp(exemption.until, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"exempt until {until} by {exemption.approver}, ticket {exemption.ticket}: {exemption.reason}"


def _summarise(rows: Sequence[Row[Any]], notes: _Notes) -> DeviceSummary:
    if len(rows) == 1:  # nearly always, and this is what a list of many takes its time for
        return _summarise_one(rows[0], notes)
    device = rows[0].device
    records = [from_row(row) for row in rows]
    gravest = max(records, key=_rank)
    strong, weak, none = (sum(numbers) for numbers in zip(*map(_GRADES, records), strict=True))
    return DeviceSummary(
        device,
        rows[records.index(gravest)].group,
        gravest.standing,
        gravest.since,
        min(map(_FIRST_SEEN, records)),
        max(map(_LAST_SEEN, records)),
        strong + weak + none,
        {"strong": strong, "weak": weak, "none": none},
        "; ".join(
            [
                notes.explain(device, row.app, record)
                for row, record in zip(rows, records, strict=True)
                if record.standing is gravest.standing
            ]
        ),
    )


def _summarise_one(row: Row[Any], notes: _Notes) -> DeviceSummary:
    record = from_row(row)
    _, standing, since, first, last, strong, weak, none, *_ = record
    device, app, group = _KEY_AND_GROUP(row)
    grades = {"strong": strong, "weak": weak, "none": none}
    explanation = notes.explain(device, app, record)
    return DeviceSummary(device, group, standing, since, first, last, strong + weak + none, grades, explanation)


def _rank(record: Record) -> int:
    return _RANK[record.standing]
