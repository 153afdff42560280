"""Replays a recording: the policy decides each lookup, and a store in memory holds what the manager would have written.

Decides and weighs nothing by itself; the store of the configuration is never opened.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import inf

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable, compile_table
from dnsfilter.config import Configuration, Group
from dnsfilter.errors import Problem
from dnsfilter.evidence.explanation import explain
from dnsfilter.evidence.record import begin
from dnsfilter.feeds.clients import ClientSources
from dnsfilter.metrics import NO_GROUP
from dnsfilter.model import Channel, Client, CompiledList, Decision, Device, Sighting
from dnsfilter.policy.engine import Engine, View
from dnsfilter.policy.matcher import Matcher
from dnsfilter.process.attribution import Attributor
from dnsfilter.recording.lookup import Lookup
from dnsfilter.store.database import open_store
from dnsfilter.store.devices import DeviceSummary, list_devices
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import Attributed, record

BATCH = 20_000

_IN_MEMORY = "sqlite://"


@dataclass(slots=True)
class Recording:
    """What a recording holds: who was there from when until when, lookups of listed names, what could not be read."""

    clients: dict[str, tuple[float, float]] = field(default_factory=dict)
    listed: list[Lookup] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def gather(lookups: Iterable[Lookup | Problem], lists: Sequence[CompiledList]) -> Recording:
    """Read a recording to its end and keep what any of the lists may have something to say of, in order of time."""
    recording, matcher = Recording(), Matcher(lists)
    for lookup in lookups:
        if isinstance(lookup, Problem):
            recording.problems.append(lookup)
            continue
        first, last = recording.clients.get(lookup.client, (inf, -inf))
        recording.clients[lookup.client] = min(first, lookup.time), max(last, lookup.time)
        if matcher.match_address(_packed(lookup)) if lookup.channel is Channel.IP else matcher.match(lookup.name):
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
        table = compile_table(sources.devices, sources.leases, {}, -inf)  # which of the leases had ended is told later
        unflagged = {group.name for group in configuration.groups if not group.flag}
        self._at = at
        self._directory = _Directory(configuration.groups, table, sources.devices)
        self._attributor = Attributor(self._directory, unflagged, pseudonyms)
        self._views = _Views(Engine(configuration, lists))

    def run(self, recording: Recording) -> list[tuple[str, DeviceSummary]]:
        """Return every client of the recording with what it would stand for."""
        store = open_store(_IN_MEMORY)
        devices: dict[str, set[str]] = {client: set() for client in recording.clients}
        try:
            with store.begin() as connection:
                for start in range(0, len(recording.listed), BATCH):
                    entries = list(self._attribute(recording.listed[start : start + BATCH]))
                    record(connection, entries)
                    for entry in entries:
                        devices[entry.sighting.client].add(entry.device)
                summaries = {summary.id: summary for summary in list_devices(connection)}
        finally:
            store.dispose()
        return [
            (client, summaries[device] if device else self._unseen(client, *recording.clients[client]))
            for client, own in devices.items()
            for device in sorted(own) or [""]
        ]

    def _attribute(self, lookups: Iterable[Lookup]) -> Iterator[Attributed]:
        for lookup in lookups:
            client = self._directory.find(lookup.client, lookup.time)
            view = self._views.find(client, lookup.time if self._at is None else self._at)
            is_address = lookup.channel is Channel.IP
            decision = view.decide_packed(_packed(lookup)) if is_address else view.decide(lookup.name)
            if decision.is_sighting:
                yield self._attributor.attribute(_sighting(lookup, client, decision))

    def _unseen(self, client: str, first: float, last: float) -> DeviceSummary:
        """Return the summary of a client that reached for no listed name."""
        device, group, attribution = self._attributor.identify(client, last)
        blank = begin(attribution, first)
        return DeviceSummary(device, group, blank.standing, first, first, last, 0, blank.grades, explain(blank))


class _Directory(Directory):
    """Knows a device also by its id in the inventory, as a log may name it."""

    def __init__(self, groups: Iterable[Group], table: ClientTable, devices: Iterable[Device]) -> None:
        super().__init__(groups, table)
        self._by_id = {device.id: Client(device.group, device.id) for device in devices}

    def find(self, address: str, now: float) -> Client:
        return self._by_id.get(address) or super().find(address, now)


class _Views:
    """The views of one engine while they are valid."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._views: dict[tuple[str, frozenset[str]], View] = {}
        self._until: float | None = -inf

    def find(self, client: Client, now: float) -> View:
        """Return the view of a client; `now` never goes back."""
        if self._until is not None and now >= self._until:
            self._views.clear()
            self._until = self._engine.next_change(now)
        kind = client.group, client.quarantined
        if kind not in self._views:
            self._views[kind] = self._engine.view(client, now)
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


def _packed(lookup: Lookup) -> bytes:
    return ip_address(lookup.name).packed
