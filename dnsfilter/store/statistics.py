"""Counts what the store holds of a period, by segment and never by device. Times are seconds since the epoch."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Role
from dnsfilter.store.schema import devices, sightings, signals
from dnsfilter.store.sightings import MINUTE

SLOT_MINUTES = 15
"""Every timezone's midnight is a multiple of this."""


class SightingCount(NamedTuple):
    """Sightings of one kind within a quarter of an hour that begins at `time`."""

    time: float
    app: str
    group: str
    grade: str
    channel: str
    is_attributable: bool
    is_bypass: bool
    sightings: int


class DeviceCount(NamedTuple):
    """Devices, or clients that are none, which were seen."""

    app: str
    group: str
    standing: str
    devices: int


def count_sightings(connection: Connection, first: float, end: float) -> Iterator[SightingCount]:
    """Yield what was seen within a period."""
    slot = sightings.c.minute // SLOT_MINUTES
    is_attributable = devices.c.attribution == Attribution.DEVICE.value
    columns: list[ColumnElement[Any]] = [
        slot,
        signals.c.app,
        devices.c.group,
        signals.c.grade,
        signals.c.channel,
        is_attributable,
        signals.c.role == Role.DOH.value,
    ]
    statement = (
        select(*columns, func.sum(sightings.c.count))
        .select_from(sightings)
        .join(signals, signals.c.signal == sightings.c.signal)
        .join(devices, and_(devices.c.device == sightings.c.device, devices.c.app == signals.c.app))
        .where(_is_within(first, end))
        .group_by(*columns)
    )
    for row in connection.execute(statement):
        at, app, group, grade, channel, known, bypass, number = tuple[Any, ...](row)
        time = float(at * SLOT_MINUTES * MINUTE)
        yield SightingCount(time, app, group, grade, channel, bool(known), bool(bypass), int(number))


def count_devices(connection: Connection, first: float, end: float) -> list[DeviceCount]:
    """Return by app, group and present standing how many devices were seen within a period."""
    seen = (
        select(sightings.c.device, signals.c.app)
        .join(signals, signals.c.signal == sightings.c.signal)
        .where(_is_within(first, end))
        .distinct()
        .subquery()
    )
    columns = devices.c.app, devices.c.group, devices.c.standing
    statement = (
        select(*columns, func.count())
        .join(seen, and_(devices.c.device == seen.c.device, devices.c.app == seen.c.app))
        .group_by(*columns)
        .order_by(*columns)
    )
    return [DeviceCount(*tuple(row)) for row in connection.execute(statement)]


def find_seen(connection: Connection, first: float, end: float) -> set[str]:
    """Return the pseudonyms of what was seen within a period."""
    return set(connection.scalars(select(sightings.c.device).where(_is_within(first, end)).distinct()))


def _is_within(first: float, end: float) -> ColumnElement[bool]:
    return and_(sightings.c.minute >= int(first // MINUTE), sightings.c.minute < int(end // MINUTE))
