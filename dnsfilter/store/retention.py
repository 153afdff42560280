"""Forgets what is older than the retention, and devices of which nothing is left.

Works on a few hundred devices per transaction, so that writing goes on in between and an interruption leaves no device
half swept. A sweep changes what is counted, never a standing: that a window moved on proves nothing.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, bindparam, delete, select

from dnsfilter.evidence.record import Observation, Record, gather
from dnsfilter.model import Grade
from dnsfilter.store.database import CHUNK, upsert
from dnsfilter.store.decisions import forget_decisions
from dnsfilter.store.devices import from_row, to_row
from dnsfilter.store.schema import devices, sightings, signals
from dnsfilter.store.sightings import MINUTE

_DELETE_DEVICE = delete(devices).where(
    devices.c.device == bindparam("gone_device"), devices.c.app == bindparam("gone_app")
)


def sweep(engine: Engine, before: float) -> int:
    """Delete sightings before a time, devices left without any, old decisions; return how many devices it concerned."""
    minute = int(max(0.0, before) // MINUTE)
    with engine.connect() as connection:
        affected = list(connection.scalars(select(sightings.c.device).where(sightings.c.minute < minute).distinct()))
    for start in range(0, len(affected), CHUNK):
        with engine.begin() as connection:
            _sweep_devices(connection, affected[start : start + CHUNK], minute)
    with engine.begin() as connection:
        forget_decisions(connection, minute * MINUTE)
    return len(affected)


def _sweep_devices(connection: Connection, names: Sequence[str], minute: int) -> None:
    connection.execute(delete(sightings).where(sightings.c.device.in_(names), sightings.c.minute < minute))
    left = _observations(connection, names)
    rows = []
    empty = []
    for row in connection.execute(select(devices).where(devices.c.device.in_(names))).all():
        old = from_row(row)
        new = gather(old.attribution, left.get((row.device, row.app), ()))
        if new:
            rows.append(to_row(row.device, row.app, row.group, _keep_standing(new, old)))
        else:
            empty.append({"gone_device": row.device, "gone_app": row.app})
    upsert(connection, devices, rows)
    if empty:
        connection.execute(_DELETE_DEVICE, empty)


def _observations(connection: Connection, names: Sequence[str]) -> dict[tuple[str, str], list[Observation]]:
    statement = (
        select(
            sightings.c.device, signals.c.app, sightings.c.minute, signals.c.rule, signals.c.grade, sightings.c.count
        )
        .join(signals, signals.c.signal == sightings.c.signal)
        .where(sightings.c.device.in_(names))
        .order_by(sightings.c.minute)
    )
    found: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for device, app, at, rule, grade, count in connection.execute(statement):
        found[device, app].append(Observation(at * MINUTE, rule, Grade(grade), count))
    return found


def _keep_standing(new: Record, old: Record) -> Record:
    return new._replace(standing=old.standing, since=old.since, families=old.families, proof=old.proof)
