"""The report over some days: standings, sightings, phases, and how much of the truth they can show.

Counts only: no device, no person, no name asked for; small segments are merged.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from dnsfilter.config import Configuration
from dnsfilter.metrics import NO_GROUP
from dnsfilter.model import Device, Standing
from dnsfilter.policy.phases import Schedule, to_timestamp
from dnsfilter.process.segments import merge_segments
from dnsfilter.store.statistics import DeviceCount, SightingCount, count_devices, count_sightings, find_seen

ONE_DAY = timedelta(days=1)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of a timezone, the last included."""

    first: date
    last: date
    timezone: str

    @property
    def start(self) -> float:
        """When the first day begins, in seconds since the epoch."""
        return self._midnight(self.first)

    @property
    def end(self) -> float:
        """When the last day has ended."""
        return self._midnight(self.last + ONE_DAY)

    def day_of(self, time: float) -> date:
        """Return the day that a time belongs to."""
        return datetime.fromtimestamp(time, ZoneInfo(self.timezone)).date()

    def _midnight(self, day: date) -> float:
        return to_timestamp(datetime(day.year, day.month, day.day), self.timezone)  # noqa: DTZ001 - given beside it


def build_report(
    connection: Connection | None,
    configuration: Configuration,
    period: Period,
    inventory: Sequence[Device],
    pseudonym_of: Callable[[str], str],
    now: float,
) -> dict[str, list[Row]]:
    """Return the tables of the report by name; without a connection nothing was ever seen."""
    minimum = configuration.privacy.minimum_segment
    counted, seen, known = _read(connection, period)
    segments = _Segments(counted, minimum)
    return {
        "devices": list(segments.devices(counted)),
        "sightings": list(segments.sightings(seen, period)),
        "phases": list(_phases(configuration, period)),
        "inventory": list(_inventory(inventory, lambda device: pseudonym_of(device.id) in known, minimum)),
        "unattributable": _unattributable(counted, seen),
        "bypass": [{"sightings": sum(each.sightings for each in seen if each.is_bypass)}],
        "days_without_data": list(_silences({period.day_of(each.time) for each in seen}, period, now)),
    }


def _read(connection: Connection | None, period: Period) -> tuple[list[DeviceCount], list[SightingCount], set[str]]:
    if connection is None:
        return [], [], set()
    within = period.start, period.end
    return (
        count_devices(connection, *within),
        list(count_sightings(connection, *within)),
        find_seen(connection, *within),
    )


class _Segments:
    """The groups of each app under the names that they count as."""

    def __init__(self, counted: Iterable[DeviceCount], minimum: int) -> None:
        sizes: Mapping[str, Counter[str]] = defaultdict(Counter)
        for each in counted:
            sizes[each.app][each.group] += each.devices
        self._names = {app: merge_segments(of_app, minimum) for app, of_app in sizes.items()}

    def devices(self, counted: Iterable[DeviceCount]) -> Iterator[Row]:
        """Yield devices by app, segment and standing."""
        numbers = Counter[tuple[str, str, str]]()
        for app, group, standing, number in counted:
            numbers[app, self._names[app][group], standing] += number
        for (app, group, standing), number in sorted(numbers.items()):
            yield {"app": app, "group": group, "standing": standing, "devices": number}

    def sightings(self, seen: Iterable[SightingCount], period: Period) -> Iterator[Row]:
        """Yield sightings by day, app, segment, grade and channel."""
        numbers = Counter[tuple[date, str, str, str, str]]()
        for each in seen:
            group = self._names[each.app][each.group]
            numbers[period.day_of(each.time), each.app, group, each.grade, each.channel] += each.sightings
        for (day, app, group, grade, channel), number in sorted(numbers.items()):
            yield {
                "day": day.isoformat(),
                "app": app,
                "group": group,
                "grade": grade,
                "channel": channel,
                "sightings": number,
            }


def _phases(configuration: Configuration, period: Period) -> Iterator[Row]:
    """Yield the phases that were in force within a period; a phase that another replaced at once never was."""
    for policy in configuration.policies:
        starts = list(Schedule(policy, configuration.timezone).starts.items())
        ends = [start for _, start in starts[1:]] + [period.end]
        for (phase, start), end in zip(starts, ends, strict=True):
            since, until = max(start, period.start), min(end, period.end)
            if since < until:
                last = period.day_of(until - 1)
                row = {"policy": policy.name, "phase": phase, "first_day": period.day_of(since).isoformat()}
                yield {**row, "last_day": last.isoformat()}


def _inventory(inventory: Iterable[Device], is_seen: Callable[[Device], bool], minimum: int) -> Iterator[Row]:
    """Yield by segment how many devices of the inventory were seen."""
    devices = [(device.group or NO_GROUP, is_seen(device)) for device in inventory]
    names = merge_segments(Counter(group for group, _ in devices), minimum)
    sizes = Counter(names[group] for group, _ in devices)
    seen = Counter(names[group] for group, is_there in devices if is_there)
    for name in sorted(sizes):
        yield {"group": name, "devices": sizes[name], "seen": seen[name], "never_seen": sizes[name] - seen[name]}


def _unattributable(counted: Iterable[DeviceCount], seen: Iterable[SightingCount]) -> list[Row]:
    clients, sightings = Counter[bool](), Counter[bool]()
    for device in counted:
        clients[device.standing == Standing.UNATTRIBUTABLE] += device.devices
    for each in seen:
        sightings[not each.is_attributable] += each.sightings
    return [
        {"of": name, "all": numbers.total(), "unattributable": numbers[True], "share": _share(numbers)}
        for name, numbers in (("clients", clients), ("sightings", sightings))
    ]


def _share(numbers: Counter[bool]) -> float:
    return round(numbers[True] / numbers.total(), 3) if numbers.total() else 0.0


def _silences(days: set[date], period: Period, now: float) -> Iterator[Row]:
    """Yield the runs of past days on which nothing at all was seen."""
    day, last = period.first, min(period.last, period.day_of(now))
    while day <= last:
        began = day
        while day <= last and day not in days:
            day += ONE_DAY
        if began < day:
            until = day - ONE_DAY
            yield {"first_day": began.isoformat(), "last_day": until.isoformat(), "days": (day - began).days}
        day += ONE_DAY
