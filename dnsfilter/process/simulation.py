"""What would be at another time if everything else were as it is now: phases, and who would be quarantined.

The store's standings are copied into memory, moved to that time, and judged there as the manager judges; the store is
only read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from dnsfilter.config import Configuration
from dnsfilter.evidence.record import Record
from dnsfilter.model import CompiledList, Phase, Standing
from dnsfilter.policy.phases import Schedule
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.store.database import IN_MEMORY, Values, open_store, upsert
from dnsfilter.store.devices import from_row, to_row
from dnsfilter.store.schema import clearances, consequences, devices, exemptions
from dnsfilter.store.standings import WATCHED, rule

WHEN_SEEN = "when-seen"
"""Confirmed, but on evidence that is too old to quarantine on: the next piece of evidence does."""

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Fate:
    """What a policy would do about one device."""

    id: str
    app: str
    group: str
    consequence: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """One policy at that time; times are seconds since the epoch."""

    policy: str
    phase: Phase | None
    since: float | None
    next_phase: Phase | None
    next_start: float | None
    devices: list[Fate] = field(default_factory=list)


def simulate(
    connection: Connection | None,
    configuration: Configuration,
    lists: Sequence[CompiledList],
    groups: dict[str, str],
    at: float,
    now: float,
) -> list[Forecast]:
    """Return what each policy would be at `at`; `groups` are the inventory's, by pseudonym."""
    forecasts = {
        policy.name: _forecast(policy.name, Schedule(policy, configuration.timezone), at)
        for policy in configuration.policies
    }
    if connection is not None:
        orders = PolicyOrders(configuration, lists, groups)
        for policy, fate in _judge(connection, orders, at, (at - now) // _MINUTE * _MINUTE):
            forecasts[policy].devices.append(fate)
    return list(forecasts.values())


def _forecast(policy: str, schedule: Schedule, at: float) -> Forecast:
    phase, following = schedule.phase_at(at), schedule.next_start(at)
    since = schedule.starts[phase] if phase else None
    return Forecast(policy, phase, since, schedule.phase_at(following) if following else None, following)


def _judge(connection: Connection, orders: PolicyOrders, at: float, shift: float) -> Iterator[tuple[str, Fate]]:
    """Yield what policies would do about devices whose use of an app is confirmed, by policy."""
    store = open_store(IN_MEMORY)
    try:
        with store.begin() as memory:
            _copy(connection, memory, shift)
            rule(memory, orders, at)
            found = {
                (device, app, policy): consequence
                for device, app, policy, consequence in memory.execute(select(consequences))
            }
            confirmed = devices.c.standing.in_((Standing.CONFIRMED, Standing.QUARANTINED))
            columns = devices.c.device, devices.c.app, devices.c.group
            for device, app, group in memory.execute(select(*columns).where(confirmed).order_by(*columns)):
                for terms in orders.find_terms(device, app, group, at) if orders.is_known(device, group) else ():
                    if terms.phase is Phase.QUARANTINE:
                        consequence = found.get((device, app, terms.policy), WHEN_SEEN)
                        yield terms.policy, Fate(device, app, group, consequence)
    finally:
        store.dispose()


def _copy(connection: Connection, memory: Connection, shift: float) -> None:
    """Copy what judging needs; what is dated by evidence moves, what a person dated stays."""
    rows = connection.execute(select(devices).where(devices.c.standing.in_(WATCHED)))
    upsert(memory, devices, [to_row(row.device, row.app, row.group, _move(from_row(row), shift)) for row in rows])
    for table in (consequences, exemptions):
        upsert(memory, table, [_values(row) for row in connection.execute(select(table))])
    given = connection.execute(select(clearances))
    upsert(memory, clearances, [(device, int(time + shift)) for device, time in given])


def _values(row: Sequence[str | int | float]) -> Values:
    return tuple(row)


def _move(record: Record, shift: float) -> Record:
    return record._replace(
        since=record.since + shift,
        first_seen=record.first_seen + shift,
        last_seen=record.last_seen + shift,
        families=tuple((family, seen + shift) for family, seen in record.families),
    )
