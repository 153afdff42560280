"""Writes sightings: counts per minute, and through the evidence the standing of the devices they concern."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Final, NamedTuple

from sqlalchemy import Connection

from dnsfilter.evidence.record import Attribution, Observation, Record, advance_all, attribute, begin
from dnsfilter.evidence.standing import valid_from
from dnsfilter.model import Grade, Sighting, Standing
from dnsfilter.store.database import find_rows, upsert
from dnsfilter.store.decisions import list_clearances
from dnsfilter.store.devices import from_row, to_row
from dnsfilter.store.schema import devices, sightings, signals

MINUTE = 60
SETTLED = (Standing.CLEAR, Standing.UNATTRIBUTABLE)
"""Standings from which nothing follows."""


class Attributed(NamedTuple):
    """A sighting and the device that it concerns, under its pseudonym."""

    device: str
    group: str
    attribution: Attribution
    sighting: Sighting


_KEY = itemgetter(0, 1)
_RULE: Final = 2
_GRADE: Final = 4
_Signal = tuple[str, str, str, str, Grade, str, str, str]
"""What a sighting says beside device and time, from its app to its group: one row of the signals."""

DeviceKey = tuple[str, str]
"""A device and an app."""

_Moment = tuple[int, int]
"""A minute and the number of a signal."""

_Counts = dict[_Moment, int]


def record(connection: Connection, entries: Iterable[Attributed]) -> dict[DeviceKey, Standing]:
    """Write entries within the connection's transaction; return who must be judged, with the standing before."""
    counts: dict[DeviceKey, _Counts] = {}
    latest: dict[DeviceKey, Attributed] = {}
    identifiers: dict[_Signal, int] = {}
    for entry in entries:
        device, _, _, sighting = entry
        signal = sighting[2:10]
        identifier = identifiers.get(signal) or identifiers.setdefault(signal, _identify(signal))
        key = device, sighting.app
        of_key = counts.get(key)
        if of_key is None:
            of_key = counts[key] = {}
        moment = int(sighting.time // MINUTE), identifier
        of_key[moment] = of_key.get(moment, 0) + sighting.count
        latest[key] = entry
    upsert(connection, signals, [(number, *signal) for signal, number in identifiers.items()], keep=True)
    ordered = {key: counts[key] for key in sorted(counts)}  # as the tables are, which makes writing cheaper
    _add(connection, ordered)
    said = {number: (signal[_RULE], signal[_GRADE]) for signal, number in identifiers.items()}
    return _advance_devices(connection, _observe(ordered, said), latest)


def _add(connection: Connection, counts: Mapping[DeviceKey, _Counts]) -> None:
    rows = [
        (device, minute, number, count)
        for (device, _), of_key in counts.items()
        for (minute, number), count in of_key.items()
    ]
    upsert(connection, sightings, rows, add="count")


def _observe(
    counts: Mapping[DeviceKey, _Counts], said: Mapping[int, tuple[str, Grade]]
) -> Iterator[tuple[DeviceKey, list[Observation]]]:
    """Yield what counts tell of each device and app, by time; what many were seen doing within a minute is one."""
    made: dict[tuple[_Moment, int], Observation] = {}
    for key, of_key in counts.items():
        seen = []
        for item in of_key.items():
            observation = made.get(item)
            if observation is None:
                (minute, number), count = item
                observation = made[item] = Observation(minute * MINUTE, *said[number], count)
            seen.append(observation)
        seen.sort()
        yield key, seen


def _identify(signal: _Signal) -> int:
    """Return the number of a signal: a function of what it says, so that writing needs no look-up."""
    digest = hashlib.blake2b("\0".join(signal).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def _advance_devices(
    connection: Connection,
    observations: Iterable[tuple[DeviceKey, list[Observation]]],
    latest: Mapping[DeviceKey, Attributed],
) -> dict[DeviceKey, Standing]:
    records = _load(connection, latest)
    cleared = list_clearances(connection)
    rows = []
    concerned = {}
    for key, seen in observations:
        _, group, attribution, _ = latest[key]
        found = records.get(key) or begin(attribution, seen[0].time)
        attributed = attribute(found, attribution, seen[-1].time)
        advanced = advance_all(attributed, seen, valid_from(cleared.get(key[0], 0.0)))
        rows.append(to_row(*key, group, advanced))
        if advanced.standing is not found.standing or advanced.standing not in SETTLED:
            concerned[key] = found.standing
    upsert(connection, devices, rows)
    return concerned


def _load(connection: Connection, keys: Iterable[DeviceKey]) -> dict[DeviceKey, Record]:
    names = sorted({device for device, _ in keys})
    return {_KEY(row): from_row(row) for row in find_rows(connection, devices.c.device, names)}
