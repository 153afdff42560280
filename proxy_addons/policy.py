"""The policy as the proxy has it in force: one snapshot, who is who, and the views that follow from both.

The same engine as the resolver's; nothing here decides anything by itself, nothing here waits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from dnsfilter.blocklist.compiler import find_titles
from dnsfilter.config import Configuration
from dnsfilter.evidence.signs import SignRules
from dnsfilter.feeds.signs import load_signs
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.metrics import proxy_children
from dnsfilter.model import Client, Decision, Phase, ProxyAction, Rule
from dnsfilter.policy.decisions import NOT_LISTED, strictness
from dnsfilter.policy.engine import Engine, View
from proxy_addons.names import Target


class Directory(Protocol):
    """Tells who is behind an address."""

    def find(self, address: str, now: float, /) -> Client:
        """Return group and device of an address in text form."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The strictest decision about everything that a connection or request names, and what it is about."""

    decision: Decision = NOT_LISTED
    target: Target | None = None

    @property
    def action(self) -> ProxyAction:
        """What the proxy is to do."""
        return self.decision.proxy

    @property
    def app(self) -> str:
        """The app of the deciding rule, empty when there is none."""
        return self.decision.rule.app if self.decision.rule else ""


UNLISTED = Verdict()


class PolicyInForce:
    """Snapshot and directory, ready to decide; a new generation is a new object."""

    def __init__(self, snapshot: Snapshot, directory: Directory) -> None:
        self.generation = snapshot.generation
        self.configuration: Configuration = snapshot.configuration
        self.children = proxy_children(snapshot.configuration, snapshot.lists)
        self.titles = find_titles(snapshot.lists)
        self._apps = {compiled.name: compiled.app for compiled in snapshot.lists}
        self._signs = SignRules(snapshot.lists, load_signs())
        self._engine = Engine(snapshot.configuration, snapshot.lists)
        self._directory = directory
        self._trusting = {group.name for group in snapshot.configuration.groups if group.trusts_ca}
        self._views: dict[tuple[str, frozenset[str], tuple[Rule, ...]], View] = {}
        self._views_end: float | None = 0.0

    def find_client(self, address: str, now: float) -> Client:
        """Return who is behind an address."""
        client, triggers = self._directory.find(address, now), self._engine.find_triggers(address)
        return replace(client, triggers=triggers) if triggers else client

    def trusts_ca(self, client: Client) -> bool:
        """Whether a page may be shown inside the client's TLS connections."""
        return client.group in self._trusting

    def decide(self, client: Client, targets: Iterable[Target], now: float) -> Verdict:
        """Return the strictest verdict; of equally strict ones the first.

        What a freed name leads to is free: the networks of a list may hold more than the names that it lists.
        """
        view = self._view(client, now)
        verdict = UNLISTED
        is_freed = False
        for target in sorted(targets, key=_is_address):
            if isinstance(target.value, str):
                decision = view.decide(target.value)
                is_freed = is_freed or decision.is_free
            elif is_freed:
                continue
            else:
                decision = view.decide_address(target.value)
            is_first = verdict is UNLISTED and decision.is_free
            if is_first or strictness(decision) > strictness(verdict.decision):
                verdict = Verdict(decision, target)
        return verdict

    def decide_dns(self, client: Client, now: float) -> Decision:
        """Return what is to be made of DNS inside HTTP, at whatever server."""
        rules = self._signs.of_dns()
        return self._view(client, now).decide_sign(rules) if rules else NOT_LISTED

    def observe_signs(
        self, client: Client, fields: Mapping[str, str], request: Decision, now: float
    ) -> Iterator[Decision]:
        """Yield what is to be recorded of the signs of apps in a request on which something is decided already."""
        view = self._view(client, now)
        found = (view.observe_sign(rules, request) for rules in self._signs.find(fields))
        return (decision for decision in found if decision.is_sighting)

    def is_sinkhole(self, address: str) -> bool:
        """Whether an address is the one that blocked names are answered with."""
        sinkhole = self.configuration.sinkhole
        return address in {str(sinkhole.ipv4), str(sinkhole.ipv6)}

    def since(self, decision: Decision) -> date | None:
        """Return the day on which the phase of a decision began, in the policy's timezone."""
        start = self._engine.starts(decision.policy).get(decision.phase or Phase.OBSERVE) if decision.policy else None
        return datetime.fromtimestamp(start, ZoneInfo(self._timezone(decision.policy))).date() if start else None

    def find_cause(self, decision: Decision) -> str:
        """Return what people call the apps for which a quarantined device is kept from another, nothing otherwise."""
        policies = {policy.name: policy.blocklists for policy in self.configuration.policies}
        own = policies.get(decision.policy, ())
        if not decision.rule or decision.rule.blocklist in own:
            return ""
        apps = sorted({self._apps[name] for name in own if self._apps.get(name)})
        return ", ".join(self.titles.get(app, app) for app in apps)

    def _timezone(self, name: str) -> str:
        zones = {policy.name: policy.timezone for policy in self.configuration.policies}
        return zones[name] or self.configuration.timezone

    def _view(self, client: Client, now: float) -> View:
        if self._views_end is not None and now >= self._views_end:
            self._views.clear()
            self._views_end = self._engine.next_change(now)
        kind = client.group, client.quarantined, client.triggers
        view = self._views.get(kind)
        if view is None:
            view = self._views[kind] = self._engine.view(client, now)
        return view


def _is_address(target: Target) -> bool:
    return not isinstance(target.value, str)
