"""Writes sightings: counts per minute, and through the evidence the standing of the devices they concern."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from dnsfilter.evidence.record import Attribution, Observation, Record, advance, attribute, begin
from dnsfilter.evidence.standing import valid_from
from dnsfilter.model import Sighting, Standing
from dnsfilter.store.database import upsert
from dnsfilter.store.decisions import list_clearances
from dnsfilter.store.devices import from_row, to_row
from dnsfilter.store.schema import devices, sightings, signals

MINUTE = 60
CHUNK = 500
SETTLED = (Standing.CLEAR, Standing.UNATTRIBUTABLE)
"""Standings from which nothing follows."""


class Attributed(NamedTuple):
    """A sighting and the device that it concerns, under its pseudonym."""

    device: str
    group: str
    attribution: Attribution
    sighting: Sighting


class _Signal(NamedTuple):
    app: str
    blocklist: str
    rule: str
    role: str
    grade: str
    channel: str
    action: str
    group: str


DeviceKey = tuple[str, str]
"""A device and an app."""


def record(connection: Connection, entries: Sequence[Attributed]) -> dict[DeviceKey, Standing]:
    """Write entries within the connection's transaction; return who must be judged, with the standing before."""
    counts = Counter[tuple[str, int, int]]()
    observations: dict[DeviceKey, Counter[Observation]] = defaultdict(Counter)
    latest: dict[DeviceKey, Attributed] = {}
    identifiers: dict[_Signal, int] = {}
    for entry in entries:
        sighting = entry.sighting
        minute = int(sighting.time // MINUTE)
        signal = _signal_of(sighting)
        identifier = identifiers.get(signal) or identifiers.setdefault(signal, _identify(signal))
        counts[entry.device, minute, identifier] += sighting.count
        key = entry.device, sighting.app
        observations[key][Observation(minute * MINUTE, sighting.rule, sighting.grade, 0)] += sighting.count
        latest[key] = entry
    upsert(
        connection,
        signals,
        [(number, *signal) for signal, number in identifiers.items()],
        keep=True,
    )
    upsert(connection, sightings, [(*key, counts[key]) for key in sorted(counts)], add="count")
    return _advance_devices(connection, observations, latest)


def _signal_of(sighting: Sighting) -> _Signal:
    return _Signal(
        sighting.app,
        sighting.blocklist,
        sighting.rule,
        sighting.role,
        sighting.grade,
        sighting.channel,
        sighting.action,
        sighting.group,
    )


def _identify(signal: _Signal) -> int:
    """Return the number of a signal: a function of what it says, so that writing needs no look-up."""
    digest = hashlib.blake2b("\0".join(signal).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _advance_devices(
    connection: Connection, observations: dict[DeviceKey, Counter[Observation]], latest: dict[DeviceKey, Attributed]
) -> dict[DeviceKey, Standing]:
    records = dict(_load(connection, observations))
    cleared = list_clearances(connection)
    rows = []
    concerned = {}
    for key, seen in sorted(observations.items()):
        entry = latest[key]
        found = records.get(key) or begin(entry.attribution, min(observation.time for observation in seen))
        advanced = attribute(found, entry.attribution, max(observation.time for observation in seen))
        since = valid_from(cleared.get(entry.device, 0.0))
        for observation in sorted(seen):
            advanced = advance(advanced, observation._replace(times=seen[observation]), since)
        rows.append(to_row(*key, entry.group, advanced))
        if advanced.standing is not found.standing or advanced.standing not in SETTLED:
            concerned[key] = found.standing
    upsert(connection, devices, rows)
    return concerned


def _load(connection: Connection, keys: Iterable[DeviceKey]) -> Iterator[tuple[DeviceKey, Record]]:
    names = sorted({device for device, _ in keys})
    for start in range(0, len(names), CHUNK):
        statement = select(devices).where(devices.c.device.in_(names[start : start + CHUNK]))
        for row in connection.execute(statement):
            yield (row.device, row.app), from_row(row)
