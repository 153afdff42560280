"""Puts what follows from the evidence into the store: standings and consequences, within one transaction.

Who comes first when there is room for few is the device that was confirmed first.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Row, bindparam, delete, or_, select

from dnsfilter.evidence.standing import Circumstances, Consequence, Terms, judge
from dnsfilter.model import Standing
from dnsfilter.store.database import Values, find_rows, upsert
from dnsfilter.store.decisions import list_clearances, list_exemptions
from dnsfilter.store.devices import from_row, to_row
from dnsfilter.store.schema import consequences, devices, exemptions
from dnsfilter.store.sightings import DeviceKey

WATCHED = (Standing.SUSPECTED, Standing.CONFIRMED, Standing.QUARANTINED, Standing.EXEMPT)
"""Standings that time or a policy can change."""


_DELETE = delete(consequences).where(
    consequences.c.device == bindparam("a_device"),
    consequences.c.app == bindparam("an_app"),
    consequences.c.policy == bindparam("a_policy"),
)


class Orders(Protocol):
    """What the policies say of a device that the store knows by its pseudonym, app and group."""

    def find_terms(self, device: str, app: str, group: str, now: float) -> tuple[Terms, ...]:
        """Return the policies about this app that cover the device."""

    def is_known(self, device: str, group: str) -> bool:
        """Whether it is a device of the inventory, in a group that may be flagged."""

    def max_devices(self, policy: str) -> int:
        """Return how many devices a policy may quarantine."""

    def next_change(self, now: float) -> float | None:
        """Return when the terms change by themselves."""


class Change(NamedTuple):
    """A standing that is another now, and why."""

    device: str
    app: str
    group: str
    before: Standing
    after: Standing
    reason: str


class Ruling(NamedTuple):
    """What follows: changes, the policies that quarantine each device, those whose cap holds some back, when next."""

    changes: Sequence[Change]
    quarantined: Mapping[str, frozenset[str]]
    capped: frozenset[str]
    dry_runs: Collection[tuple[str, str]]
    due: float


class Known:
    """What the store says beside the evidence: consequences by device, who takes a place, what people decided."""

    def __init__(self, connection: Connection) -> None:
        self.exemptions = {device: found.until for device, found in list_exemptions(connection).items()}
        self.clearances = list_clearances(connection)
        self.held: dict[DeviceKey, Mapping[str, Consequence]] = {}
        self.taken: dict[str, Counter[str]] = defaultdict(Counter)
        found: dict[DeviceKey, dict[str, Consequence]] = defaultdict(dict)
        for device, app, policy, consequence in connection.execute(select(consequences)):
            found[device, app][policy] = Consequence(consequence)
        for key, held in found.items():
            self.hold(key, held)

    def hold(self, key: DeviceKey, found: Mapping[str, Consequence]) -> None:
        """Let other consequences follow for a device than before."""
        device, _ = key
        for policy in _holders(self.held.pop(key, {})):
            self.taken[policy][device] -= 1
            if not self.taken[policy][device]:
                del self.taken[policy][device]
        if found:
            self.held[key] = found
        for policy in _holders(found):
            self.taken[policy][device] += 1

    def count_others(self, policy: str, device: str) -> int:
        """Return how many devices a policy quarantines beside this one."""
        taken = self.taken[policy]
        return len(taken) - (device in taken)


def rule(
    connection: Connection,
    orders: Orders,
    now: float,
    *,
    is_clock_steady: bool = True,
    only: Mapping[DeviceKey, Standing] | None = None,
    known: Known | None = None,
) -> Ruling:
    """Judge every device that anything can happen to, or only some, which had these standings before.

    `known` spares reading what the last ruling left there; after a failure it is wrong.
    """
    bench = _Bench(known or Known(connection), orders, now, is_clock_steady=is_clock_steady)
    rows = sorted(_watched(connection) if only is None else _chosen(connection, only), key=_since)
    for row in rows:
        bench.judge(row, (only or {}).get((row.device, row.app)))
    if only is None:
        bench.drop_others({(row.device, row.app) for row in rows})
    bench.write(connection)
    return bench.ruling()


def find_changes(connection: Connection, before: Mapping[DeviceKey, Standing]) -> list[Change]:
    """Return what sightings alone have made of devices that had these standings."""
    rows = [(row, before.get((row.device, row.app))) for row in _chosen(connection, before)]
    return [
        Change(row.device, row.app, row.group, old, Standing(row.standing), "seen")
        for row, old in rows
        if old and old.value != row.standing
    ]


class _Bench:
    """The state of one round of judgements."""

    def __init__(self, known: Known, orders: Orders, now: float, *, is_clock_steady: bool) -> None:
        self._known, self._orders, self._now, self._is_clock_steady = known, orders, now, is_clock_steady
        self._rows: list[Values] = []
        self._old: dict[DeviceKey, Mapping[str, Consequence]] = {}
        self._changes: list[Change] = []
        self._dry_runs: list[tuple[str, str]] = []

    def judge(self, row: Row[Any], before: Standing | None) -> None:
        """Judge one device about one app."""
        key, record = (row.device, row.app), from_row(row)
        held = self._known.held.get(key, {})
        found = judge(record, held, self._circumstances(key, row.group), self._now)
        before = before or record.standing
        if found.record.standing is not before:
            reason = found.reason or "seen"
            self._changes.append(Change(*key, row.group, before, found.record.standing, reason))
        if found.record != record:
            self._rows.append(to_row(*key, row.group, found.record))
        if found.consequences != held:
            self._hold(key, found.consequences)

    def drop_others(self, judged: Collection[DeviceKey]) -> None:
        """Let nothing follow for devices that the store has forgotten."""
        for key in [key for key in self._known.held if key not in judged]:
            self._hold(key, {})

    def write(self, connection: Connection) -> None:
        """Write what is another than before."""
        upsert(connection, devices, self._rows)
        held = self._known.held
        gone = [(*key, policy) for key, old in self._old.items() for policy in old if policy not in held.get(key, {})]
        if gone:
            connection.execute(
                _DELETE, [dict(zip(("a_device", "an_app", "a_policy"), row, strict=True)) for row in gone]
            )
        upsert(
            connection, consequences, [(*key, *item) for key in sorted(self._old) for item in held.get(key, {}).items()]
        )

    def ruling(self) -> Ruling:
        """Return what follows for all devices."""
        quarantined: dict[str, set[str]] = defaultdict(set)
        for policy, takers in self._known.taken.items():
            for device in takers:
                quarantined[device].add(policy)
        found = {item for held in self._known.held.values() for item in held.items()}
        capped = {policy for policy, consequence in found if consequence is Consequence.CAPPED}
        ends = [until for until in self._known.exemptions.values() if until > self._now]
        due = min([*ends, self._orders.next_change(self._now) or inf])
        frozen = {device: frozenset(policies) for device, policies in quarantined.items()}
        return Ruling(self._changes, frozen, frozenset(capped), self._dry_runs, due)

    def _circumstances(self, key: DeviceKey, group: str) -> Circumstances:
        device, app = key
        terms = self._orders.find_terms(device, app, group, self._now)
        return Circumstances(
            tuple(each._replace(has_room=self._has_room(device, each.policy)) for each in terms),
            self._orders.is_known(device, group),
            self._known.exemptions.get(device, 0.0),
            self._known.clearances.get(device, 0.0),
            self._is_clock_steady,
        )

    def _has_room(self, device: str, policy: str) -> bool:
        return self._known.count_others(policy, device) < self._orders.max_devices(policy)

    def _hold(self, key: DeviceKey, found: Mapping[str, Consequence]) -> None:
        old = self._known.held.get(key, {})
        self._old.setdefault(key, old)
        self._known.hold(key, found)
        new = [policy for policy, each in found.items() if each is Consequence.DRY_RUN and old.get(policy) is not each]
        self._dry_runs += [(key[0], policy) for policy in new]


def _holders(held: Mapping[str, Consequence]) -> Iterator[str]:
    return (policy for policy, consequence in held.items() if consequence is Consequence.QUARANTINE)


def _watched(connection: Connection) -> Sequence[Row[Any]]:
    is_watched = or_(
        devices.c.standing.in_(WATCHED),
        devices.c.device.in_(select(exemptions.c.device)),
        devices.c.device.in_(select(consequences.c.device)),
    )
    return connection.execute(select(devices).where(is_watched)).all()


def _chosen(connection: Connection, only: Collection[DeviceKey]) -> Iterator[Row[Any]]:
    return find_rows(connection, devices.c.device, sorted({device for device, _ in only}))


def _since(row: Row[Any]) -> tuple[int, str, str]:
    return row.since, row.device, row.app
