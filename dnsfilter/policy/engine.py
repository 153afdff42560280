"""The policy engine: for a group of clients and a moment one `View`; the view decides names and addresses.

Pure: the same configuration, lists, client and time always give the same decision, in every process.

    canaries, special-use names  ->  exemptions (allow)  ->  per policy the most specific rule  ->  the strictest policy

What a list says of who asks is more specific than what any says of a name (RPZ's order within a zone).
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from dnsfilter.config import Configuration
from dnsfilter.model import (
    ANSWERED_FIRST,
    CANARIES,
    NEVER_BLOCK,
    SPECIAL_USE,
    Client,
    CompiledList,
    Decision,
    DnsAction,
    Ech,
    Exemption,
    Grade,
    Match,
    Phase,
    ProxyAction,
    Role,
    Rule,
)
from dnsfilter.names import DESIGNATION, is_within, is_within_any
from dnsfilter.policy.decisions import ACTIONS, NOT_LISTED, decide_first, is_strictest, stricter, strictness
from dnsfilter.policy.matcher import Matcher
from dnsfilter.policy.phases import Schedule, earliest, to_timestamp
from dnsfilter.settings.order import Allow, Policy

CLIENT_TRIGGER = "rpz-client-ip"
"""The text of every rule about who asks, in a view: those whom rules treat alike share it, and it gives nobody away."""

_ECH = list(Ech)


@dataclass(frozen=True, slots=True)
class _Clause:
    """One policy as it stands for one view: these lists, this phase, these actions."""

    policy: str
    lists: frozenset[str]
    phase: Phase | None
    dns: DnsAction
    proxy: ProxyAction
    ech: Ech

    def find(self, rules: Sequence[Rule]) -> Rule | None:
        """Return the most specific rule of this clause's lists."""
        for rule in rules:
            if rule.blocklist in self.lists:
                return rule
        return None

    def apply(self, rule: Rule) -> Decision:
        """Return what a rule that lists the name means now."""
        dns = rule.answer if rule.answer and self.dns.is_blocking else self.dns
        return Decision(dns, self.proxy, rule, self.policy, self.phase)


class View:
    """The policy as it stands at one moment for all clients that are decided alike.

    `listed_prefixes` are the first two octets of every address that `decide_packed` may have something to say of; `ech`
    is the strictest of its policies'.
    """

    def __init__(
        self,
        matcher: Matcher,
        clauses: tuple[_Clause, ...],
        exemptions: dict[str, Exemption],
        client: Client,
        own: Container[str] = (),
    ) -> None:
        self.group = client.group
        self.listed_prefixes = matcher.listed_prefixes
        self.ech = max((clause.ech for clause in clauses), key=_ECH.index, default=Ech.KEEP)
        self._matcher = matcher
        self._triggers = client.triggers
        self._clauses = clauses
        self._exemptions = exemptions
        self._own = own

    def decide(self, name: str) -> Decision:
        """Decide a canonical name."""
        rules = self._matcher.match(name)
        if self._triggers:
            rules = [*self._triggers, *rules]
        if not rules:
            return NOT_LISTED
        for rule in rules:
            if rule.blocklist in ANSWERED_FIRST:
                if rule.passthru or (rule.blocklist == SPECIAL_USE and is_within_any(name, self._own)):
                    break
                return decide_first(rule)
        decision = self._strictest(rules)
        return self.exempt(name, decision) if decision.rule else decision

    def exempt(self, name: str, decision: Decision) -> Decision:
        """Return a decision about a name, or about what it leads to, as the exemptions of the name leave it."""
        exemption = self._find_exemption(name) if self._exemptions else None
        if exemption is None:
            return decision
        return Decision(DnsAction.RESOLVE, ProxyAction.PASS, decision.rule, decision.policy, decision.phase, exemption)

    def judge(self, name: str, decision: Decision, targets: Sequence[str], addresses: Sequence[bytes]) -> Decision:
        """Return the strictest among the decision about a name and those about what its answer leads to.

        What a freed name leads to is free: the networks of a list may hold more than the names that it lists.
        """
        if decision.is_free:
            return decision
        strictest, is_freed = decision, False
        for target in targets:
            found = self.decide(target)
            is_freed = is_freed or found.is_free
            strictest = stricter(strictest, found)
            if is_strictest(strictest):
                break
        for address in () if is_freed or is_strictest(strictest) else dict.fromkeys(addresses):
            if address[:2] in self.listed_prefixes:
                strictest = stricter(strictest, self.decide_packed(address))
                if is_strictest(strictest):
                    break
        return decision if strictest is decision else self.exempt(name, strictest)

    def decide_address(self, address: IPv4Address | IPv6Address) -> Decision:
        """Decide an address by the networks of the lists."""
        return self.decide_packed(address.packed)

    def decide_packed(self, address: bytes) -> Decision:
        """Decide an address of 4 or 16 octets."""
        rules = self._matcher.match_address(address)
        if self._triggers:
            rules = [*self._triggers, *rules]
        return self._strictest(rules) if rules else NOT_LISTED

    def decide_sign(self, rules: Sequence[Rule]) -> Decision:
        """Decide what is neither name nor address but a sign of what lists are about, one rule for each of them."""
        return self._strictest(rules)

    def observe_sign(self, rules: Sequence[Rule], request: Decision) -> Decision:
        """Decide a sign in a request on which something is decided already: it is recorded, and stops nothing."""
        found = NOT_LISTED if request.is_free else self._strictest(rules)
        if not found.is_sighting:
            return NOT_LISTED
        return replace(found, proxy=request.proxy if request.is_sighting else ProxyAction.OBSERVE)

    def _strictest(self, rules: Sequence[Rule]) -> Decision:
        """Return the strictest of the policies' decisions; a name is free only where every policy frees it."""
        found = [(clause, rule) for clause in self._clauses if (rule := clause.find(rules))]
        listed = [clause.apply(rule) for clause, rule in found if not rule.passthru]
        if listed:
            return max(listed, key=strictness)
        is_free = found and len(found) == len(self._clauses)
        return Decision(DnsAction.RESOLVE, ProxyAction.PASS, found[0][1]) if is_free else NOT_LISTED

    def _find_exemption(self, name: str) -> Exemption | None:
        while name:
            exemption = self._exemptions.get(name)
            if exemption:
                return exemption
            name = name.partition(".")[2]
        return None


class Engine:
    """Compiled configuration and lists; makes views. `own` are names with records beside those of the configuration."""

    def __init__(self, configuration: Configuration, lists: Sequence[CompiledList], own: Container[str] = ()) -> None:
        self._configuration = configuration
        self._own = own
        freed = tuple(_find_own(configuration, lists))
        freeing = CompiledList(SPECIAL_USE, SPECIAL_USE, Role.INFRA, Grade.NONE, len(freed), freed)
        self._matcher = Matcher([*lists, freeing])
        self._schedules = {policy.name: Schedule(policy, configuration.timezone) for policy in configuration.policies}
        self._expiries = [
            (allow, to_timestamp(allow.until, configuration.timezone) if allow.until else None)
            for allow in configuration.allow
        ]

    def view(self, client: Client, now: float) -> View:
        """Return the view for a client at `now`; valid until `next_change(now)`."""
        clauses = tuple(
            clause
            for policy in self._configuration.policies
            if not policy.groups or client.group in policy.groups
            for clause in self._clauses(policy, client, now)
        )
        exemptions = {allow.name: _exemption(allow) for allow in self._allows(client.group, now)}
        return View(self._matcher, clauses, exemptions, client, self._own)

    def match_client(self, address: str) -> list[Rule]:
        """Return what lists say of who asks from an address, most specific first."""
        return self._matcher.match_client(address)

    def find_triggers(self, address: str) -> tuple[Rule, ...]:
        """Return what all clients have in common of whom lists say the same as of who asks from an address."""
        first: dict[str, Rule] = {}
        for rule in self.match_client(address):
            first.setdefault(rule.blocklist, rule)
        return tuple(replace(rule, text=CLIENT_TRIGGER) for rule in first.values())

    def phase_at(self, policy: str, now: float) -> Phase | None:
        """Return the phase of a policy."""
        return self._schedules[policy].phase_at(now)

    def starts(self, policy: str) -> dict[Phase, float]:
        """Return when each phase of a policy begins."""
        return self._schedules[policy].starts

    def next_change(self, now: float) -> float | None:
        """Return when the views made now end: the next phase of a policy or the end of an exemption."""
        phases = [start for schedule in self._schedules.values() if (start := schedule.next_start(now))]
        return earliest(phases + [until for _, until in self._expiries if until and until > now])

    def _clauses(self, policy: Policy, client: Client, now: float) -> Iterable[_Clause]:
        phase = self._schedules[policy.name].phase_at(now)
        dns, proxy = ACTIONS[phase]
        lists = set(policy.blocklists)
        if phase is Phase.QUARANTINE and policy.name in client.quarantined:
            lists.update(policy.quarantine.blocklists)
        ech = policy.ech if phase else Ech.KEEP
        yield _Clause(policy.name, frozenset(lists | {NEVER_BLOCK}), phase, dns or policy.answer, proxy, ech)

    def _allows(self, group: str, now: float) -> Iterable[Allow]:
        for allow, until in self._expiries:
            if (until is None or now < until) and (not allow.groups or group in allow.groups):
                yield allow


def _find_own(configuration: Configuration, lists: Sequence[CompiledList]) -> Iterable[Rule]:
    """Free the special-use names that the configuration routes, has records of, or designates by."""
    own = {domain for upstream in configuration.upstreams for domain in upstream.domains}
    own |= {record.split()[0].lower().removesuffix(".").removeprefix("*.") for record in configuration.records}
    special = {rule.text: rule for compiled in lists if compiled.name == SPECIAL_USE for rule in compiled.rules}
    for rule in special.values():
        if is_within_any(rule.text, own):
            yield replace(rule, passthru=True)
    for name in own:
        if is_within_any(name, special):
            yield Rule(SPECIAL_USE, SPECIAL_USE, Match.SUFFIX, name, Role.INFRA, Grade.NONE, passthru=True)
    if configuration.listen.is_designated:
        for rule in (rule for compiled in lists if compiled.name == CANARIES for rule in compiled.rules):
            if is_within(DESIGNATION, rule.text):
                yield replace(rule, text=DESIGNATION, match=Match.SUFFIX, passthru=True)


def _exemption(allow: Allow) -> Exemption:
    return Exemption(allow.name, allow.reason, allow.ticket)
