"""Writes sightings: counts per minute, and through the evidence the standing of the devices they concern."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from dnsfilter.evidence.record import Attribution, Observation, Record, advance, attribute, begin
from dnsfilter.evidence.standing import valid_from
from dnsfilter.model import Grade, Sighting, Standing
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


_APP: Final = 0
_RULE: Final = 2
_GRADE: Final = 4
_Signal = tuple[str, str, str, str, Grade, str, str, str]
"""What a sighting says beside device and time, from its app to its group: one row of the signals."""

DeviceKey = tuple[str, str]
"""A device and an app."""


def record(connection: Connection, entries: Sequence[Attributed]) -> dict[DeviceKey, Standing]:
    """Write entries within the connection's transaction; return who must be judged, with the standing before."""
    counts = Counter[tuple[str, int, int]]()
    latest: dict[DeviceKey, Attributed] = {}
    identifiers: dict[_Signal, int] = {}
    for entry in entries:
        device, _, _, sighting = entry
        signal = sighting[2:10]
        identifier = identifiers.get(signal) or identifiers.setdefault(signal, _identify(signal))
        counts[device, int(sighting.time // MINUTE), identifier] += sighting.count
        latest[device, sighting.app] = entry
    upsert(connection, signals, [(number, *signal) for signal, number in identifiers.items()], keep=True)
    rows = [(*key, count) for key, count in sorted(counts.items())]
    upsert(connection, sightings, rows, add="count")
    return _advance_devices(
        connection, _observe(rows, {number: signal for signal, number in identifiers.items()}), latest
    )


def _observe(
    rows: Iterable[tuple[str, int, int, int]], by_number: Mapping[int, _Signal]
) -> dict[DeviceKey, list[Observation]]:
    """Return what rows of sightings tell of each device and app."""
    observations: dict[DeviceKey, list[Observation]] = defaultdict(list)
    for device, minute, number, count in rows:
        signal = by_number[number]
        observed = Observation(minute * MINUTE, signal[_RULE], signal[_GRADE], count)
        observations[device, signal[_APP]].append(observed)
    return observations


def _identify(signal: _Signal) -> int:
    """Return the number of a signal: a function of what it says, so that writing needs no look-up."""
    digest = hashlib.blake2b("\0".join(signal).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _advance_devices(
    connection: Connection, observations: dict[DeviceKey, list[Observation]], latest: dict[DeviceKey, Attributed]
) -> dict[DeviceKey, Standing]:
    records = dict(_load(connection, observations))
    cleared = list_clearances(connection)
    rows = []
    concerned = {}
    for key, seen in sorted(observations.items()):
        entry = latest[key]
        seen.sort()
        found = records.get(key) or begin(entry.attribution, seen[0].time)
        advanced = attribute(found, entry.attribution, seen[-1].time)
        since = valid_from(cleared.get(entry.device, 0.0))
        for observation in seen:
            advanced = advance(advanced, observation, since)
        rows.append(to_row(*key, entry.group, advanced))
        if advanced.standing is not found.standing or advanced.standing not in SETTLED:
            concerned[key] = found.standing
    upsert(connection, devices, rows)
    return concerned


def _load(connection: Connection, keys: Iterable[DeviceKey]) -> Iterator[tuple[DeviceKey, Record]]:
    names = sorted({device for device, _ in keys})
    for start in range(0, len(names), CHUNK):
        statement = select(devices).where(devices.c.device.in_(names[start : start + CHUNK]))
        for row in connection.execute(statement).all():
            yield (row[0], row[1]), from_row(row)
