"""Replays a recording: the policy decides each lookup, and a store in memory holds what the manager would have written.

Decides and weighs nothing by itself; the store of the configuration is never opened.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from itertools import groupby
from math import inf

from sqlalchemy import Connection

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable, compile_table
from dnsfilter.config import Configuration
from dnsfilter.errors import Problem
from dnsfilter.evidence.explanation import explain
from dnsfilter.evidence.record import begin
from dnsfilter.evidence.signs import USER_AGENT, SignRules, pin
from dnsfilter.evidence.standing import Terms
from dnsfilter.feeds.clients import ClientSources
from dnsfilter.feeds.signs import load_signs
from dnsfilter.metrics import NO_GROUP
from dnsfilter.model import Channel, Client, CompiledList, Decision, Device, Rule, Sighting
from dnsfilter.policy.engine import Engine, View
from dnsfilter.policy.matcher import Matcher
from dnsfilter.process.attribution import Attributor
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.recording.lookup import Lookup
from dnsfilter.settings.order import Group
from dnsfilter.store.database import IN_MEMORY, open_store
from dnsfilter.store.devices import DeviceSummary, list_devices
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import Attributed, record
from dnsfilter.store.standings import Orders, rule

HOUR, DAY = 3600.0, 86_400.0
PINNED_DETAIL = "pinned"
"""What a recording says of a client that did not accept the proxy's certificate."""


@dataclass(slots=True)
class Recording:
    """What a recording holds: who was there from when until when, lookups of listed names, what could not be read."""

    clients: dict[str, tuple[float, float]] = field(default_factory=dict)
    listed: list[Lookup] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def gather(lookups: Iterable[Lookup | Problem], lists: Sequence[CompiledList]) -> Recording:
    """Read a recording to its end and keep what any of the lists may have something to say of, in order of time."""
    recording, matcher, signs = Recording(), Matcher(lists), SignRules(lists, load_signs())
    triggering: set[str] = set()
    for lookup in lookups:
        if isinstance(lookup, Problem):
            recording.problems.append(lookup)
            continue
        if lookup.client not in recording.clients and matcher.match_client(lookup.client):
            triggering.add(lookup.client)
        first, last = recording.clients.get(lookup.client, (inf, -inf))
        recording.clients[lookup.client] = min(first, lookup.time), max(last, lookup.time)
        is_address = lookup.channel is Channel.IP
        listed = matcher.match_address(_packed(lookup)) if is_address else matcher.match(lookup.name)
        if listed or lookup.client in triggering or any(_find_signs(lookup, signs)):
            recording.listed.append(lookup)
    recording.listed.sort(key=lambda lookup: lookup.time)
    return recording


class Replay:
    """The policy over a recording; `at`, where given, is when the policy is taken to decide all of it."""

    def __init__(
        self,
        configuration: Configuration,
        lists: Sequence[CompiledList],
        sources: ClientSources,
        pseudonyms: Pseudonyms,
        at: float | None = None,
    ) -> None:
        # Which of the leases had ended is told later.
        table = compile_table(sources.devices, sources.leases, {}, -inf, configuration.identity)
        unflagged = {group.name for group in configuration.groups if not group.flag}
        groups = {pseudonyms.of_device(device.id): device.group for device in sources.devices}
        orders = PolicyOrders(configuration, lists, groups)
        self._orders: Orders = orders if at is None else _OrdersAt(orders, at)
        self._at = at
        self._directory = _Directory(configuration.groups, table, sources.devices)
        self._attributor = Attributor(self._directory, unflagged, pseudonyms)
        self._views = _Views(Engine(configuration, lists))
        self._signs = SignRules(lists, load_signs())
        self._due = -inf

    def run(self, recording: Recording) -> list[tuple[str, DeviceSummary]]:
        """Return every client of the recording with what it would stand for."""
        store = open_store(IN_MEMORY)
        devices: dict[str, set[str]] = {client: set() for client in recording.clients}
        try:
            with store.begin() as connection:
                for batch in _cut(recording.listed):
                    entries = list(self._attribute(batch))
                    self._write(connection, entries, batch[0].time, batch[-1].time)
                    for entry in entries:
                        devices[entry.sighting.client].add(entry.device)
                rule(connection, self._orders, max((last for _, last in recording.clients.values()), default=0.0))
                summaries = {summary.id: summary for summary in list_devices(connection)}
        finally:
            store.dispose()
        return [
            (client, summaries[device] if device in summaries else self._unseen(client, *recording.clients[client]))
            for client, own in devices.items()
            for device in sorted(own or {self._identify(client, recording)})
        ]

    def _identify(self, client: str, recording: Recording) -> str:
        return self._attributor.identify(client, recording.clients[client][1])[0]

    def _write(self, connection: Connection, entries: Sequence[Attributed], first: float, last: float) -> None:
        """Write what was seen within an hour; judge everybody once a day before it, and whom it concerns after it."""
        if first >= self._due:
            rule(connection, self._orders, first)
            self._due = first + DAY
        concerned = record(connection, entries)
        if concerned:
            rule(connection, self._orders, last, only=concerned)

    def _attribute(self, lookups: Iterable[Lookup]) -> Iterator[Attributed]:
        for lookup in lookups:
            client = self._directory.find(lookup.client, lookup.time)
            view = self._views.find(client, lookup.client, lookup.time if self._at is None else self._at)
            for seen, decision in self._decide(lookup, view):
                yield self._attributor.attribute(_sighting(seen, client, decision))

    def _decide(self, lookup: Lookup, view: View) -> Iterator[tuple[Lookup, Decision]]:
        """Yield what the addon would have recorded of a lookup: its name, a pinned certificate, signs of apps."""
        is_address = lookup.channel is Channel.IP
        decision = view.decide_packed(_packed(lookup)) if is_address else view.decide(lookup.name)
        if decision.is_sighting and decision.rule:
            yield lookup, decision
            if _is_pinned(lookup) and (pinned := pin(decision.rule)):
                yield lookup, replace(decision, rule=pinned)
        for rules in _find_signs(lookup, self._signs):
            observed = view.observe_sign(rules, decision)
            if observed.is_sighting:
                yield lookup._replace(channel=Channel.HTTP), observed

    def _unseen(self, client: str, first: float, last: float) -> DeviceSummary:
        """Return the summary of a client that reached for no listed name."""
        device, group, attribution = self._attributor.identify(client, last)
        blank = begin(attribution, first)
        return DeviceSummary(device, group, blank.standing, first, first, last, 0, blank.grades, explain(blank))


def _cut(lookups: Sequence[Lookup]) -> Iterator[list[Lookup]]:
    """Yield lookups, which are in order of time, hour by hour."""
    return (list(of_hour) for _, of_hour in groupby(lookups, key=lambda lookup: lookup.time // HOUR))


class _OrdersAt:
    """What the policies say at one time, whenever they are asked."""

    def __init__(self, orders: PolicyOrders, at: float) -> None:
        self._orders = orders
        self._at = at
        self.is_known = orders.is_known
        self.max_devices = orders.max_devices

    def find_terms(self, device: str, app: str, group: str, now: float) -> tuple[Terms, ...]:  # noqa: ARG002 - it is fixed
        return self._orders.find_terms(device, app, group, self._at)

    def next_change(self, now: float) -> float | None:  # noqa: ARG002 - it is fixed
        return None


class _Directory(Directory):
    """Knows a device also by its id in the inventory, as a log may name it."""

    def __init__(self, groups: Iterable[Group], table: ClientTable, devices: Iterable[Device]) -> None:
        super().__init__(groups, table)
        self._by_id = {device.id: Client(device.group, device.id) for device in devices}

    def look_up(self, text: str, now: float) -> tuple[Client, float]:
        known = self._by_id.get(text)
        return (known, inf) if known else super().look_up(text, now)


class _Views:
    """The views of one engine while they are valid."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._views: dict[Client, View] = {}
        self._until: float | None = -inf

    def find(self, client: Client, address: str, now: float) -> View:
        """Return the view of a client that asks from an address; `now` never goes back."""
        if self._until is not None and now >= self._until:
            self._views.clear()
            self._until = self._engine.next_change(now)
        kind = replace(client, device="", triggers=self._engine.find_triggers(address))
        if kind not in self._views:
            self._views[kind] = self._engine.view(kind, now)
        return self._views[kind]


def _sighting(lookup: Lookup, client: Client, decision: Decision) -> Sighting:
    assert decision.rule
    rule = decision.rule
    return Sighting(
        lookup.time,
        lookup.client,
        rule.app,
        rule.blocklist,
        rule.text,
        rule.role,
        rule.grade,
        lookup.channel,
        decision.dns if lookup.channel is Channel.DNS else decision.proxy,
        client.group or NO_GROUP,
    )


def _is_pinned(lookup: Lookup) -> bool:
    """Whether a client did not accept our certificate, which it can only see where TLS is."""
    return lookup.channel not in (Channel.DNS, Channel.HTTP) and lookup.detail == PINNED_DETAIL


def _find_signs(lookup: Lookup, signs: SignRules) -> Iterator[tuple[Rule, ...]]:
    """Return the rules that signs in a request stand for, to whatever name or address it goes."""
    is_request = lookup.channel in (Channel.HTTP, Channel.IP) and lookup.detail
    return signs.find({USER_AGENT: lookup.detail}) if is_request else iter(())


def _packed(lookup: Lookup) -> bytes:
    return ip_address(lookup.name).packed
