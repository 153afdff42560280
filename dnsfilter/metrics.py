"""Every metric declared once: name, kind, help, labels, and the children that exist from the start.

Holds no values and knows no exposition format; labels come from the configuration or a closed set, never from a client.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from dnsfilter.config import Configuration
from dnsfilter.evidence.bypass import KINDS
from dnsfilter.journal import DURATION_BUCKETS
from dnsfilter.model import (
    Channel,
    Claim,
    CompiledList,
    Credence,
    Ending,
    Grade,
    Outcome,
    Phase,
    ProxyAction,
    Role,
    Standing,
    Transport,
)
from dnsfilter.policy.decisions import ACTIONS
from dnsfilter.settings.order import Policy

PREFIX = "dnsfilter_"
NO_GROUP = "none"
"""The label value of a client without a group."""

BUCKETS = (*map(str, DURATION_BUCKETS), "+Inf")
"""Upper bounds of histograms in seconds, as label values."""

RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS", "other")
CACHES = ("memo", "message", "nxdomain", "failure")
EXCHANGE_OUTCOMES = ("answered", "timeout", "error", "mismatch", "suspected", "hedged", "loop")
REBINDING_OUTCOMES = ("withheld", "trimmed")
ECH_OUTCOMES = ("removed", "kept")
BOUNDS = ("client", "zone")
FATES = ("delivered", "later", "blocked", "refused", "suppressed")
UNADDRESSED = (("none", "overflow"), ("none", "refused"))
"""Outlet and fate of messages that have come to no outlet, or whose outlet is gone."""

Labels = tuple[str, ...]


class Kind(StrEnum):
    """What the values of a metric mean."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `name` is without the prefix and without a counter's `_total`."""

    name: str
    kind: Kind
    help: str
    labels: Labels = ()

    @property
    def key(self) -> str:
        """The first element of its counter keys; a histogram's have `_bucket` and `_sum` added."""
        return self.name.removesuffix("_seconds") if self.kind is Kind.HISTOGRAM else self.name


RESOLVER = (
    Metric("queries", Kind.COUNTER, "Queries received.", ("transport",)),
    Metric("responses", Kind.COUNTER, "Queries dealt with, by how.", ("outcome", "rcode")),
    Metric("query_duration_seconds", Kind.HISTOGRAM, "Time from query to response.", ("outcome",)),
    Metric(
        "sightings",
        Kind.COUNTER,
        "Attempts of devices to reach listed names.",
        ("app", "role", "grade", "channel", "action", "group"),
    ),
    Metric("devices", Kind.GAUGE, "Devices seen within the retention, by standing.", ("app", "standing", "group")),
    Metric(
        "device_standing_info",
        Kind.GAUGE,
        "Devices that are not clear, under their pseudonyms; capped.",
        ("app", "device", "standing", "group"),
    ),
    Metric("quarantine_capped", Kind.GAUGE, "Whether max_devices keeps a policy from quarantining.", ("policy",)),
    Metric("policy_phase", Kind.GAUGE, "Whether a policy is in this phase.", ("policy", "phase")),
    Metric("policy_deadline_timestamp_seconds", Kind.GAUGE, "When a phase begins.", ("policy", "phase")),
    Metric("blocklist_entries", Kind.GAUGE, "Entries of a blocklist in force.", ("blocklist",)),
    Metric("blocklist_age_seconds", Kind.GAUGE, "Time since the source of a blocklist changed.", ("blocklist",)),
    Metric(
        "blocklist_last_load_successful",
        Kind.GAUGE,
        "Whether the latest version of a blocklist could be fetched and read.",
        ("blocklist",),
    ),
    Metric("last_reload_successful", Kind.GAUGE, "Whether the last reload took effect."),
    Metric("last_reload_timestamp_seconds", Kind.GAUGE, "When the last reload that took effect was."),
    Metric("snapshot_generation", Kind.GAUGE, "The oldest generation in force in a worker."),
    Metric("snapshot_fingerprint", Kind.GAUGE, "A number that nodes share which decide alike."),
    Metric("pseudonym_key_timestamp_seconds", Kind.GAUGE, "When the key of the pseudonyms was made."),
    Metric("upstream_up", Kind.GAUGE, "Whether an upstream responds.", ("upstream",)),
    Metric("upstream_exchanges", Kind.COUNTER, "Queries to upstreams, by what came of them.", ("upstream", "outcome")),
    Metric("upstream_duration_seconds", Kind.HISTOGRAM, "Time until an upstream responded.", ("upstream",)),
    Metric("cache_entries", Kind.GAUGE, "Responses in the caches of all workers."),
    Metric("cache_bytes", Kind.GAUGE, "Memory that the responses in the caches of all workers take, about."),
    Metric("cache_hits", Kind.COUNTER, "Queries answered from a cache.", ("cache",)),
    Metric("prefetches", Kind.COUNTER, "Answers renewed before their end because they were asked for."),
    Metric("connections", Kind.GAUGE, "Client connections open in all workers."),
    Metric("connections_closed", Kind.COUNTER, "Client connections that were closed here, by why.", ("reason",)),
    Metric("rebinding", Kind.COUNTER, "Answers with private addresses for public names.", ("outcome",)),
    Metric(
        "identity_claims",
        Kind.COUNTER,
        "Queries that say which device asks, by whether that counts.",
        ("claim", "credence"),
    ),
    Metric("ech", Kind.COUNTER, "Answers with ech, where a policy wants it removed.", ("outcome",)),
    Metric("waiting_refused", Kind.COUNTER, "Queries not asked upstream, for too many waited.", ("bound",)),
    Metric("workers_alive", Kind.GAUGE, "Workers that reported within the last seconds."),
    Metric("udp_responses_lost", Kind.COUNTER, "Responses over UDP that the kernel did not take."),
    Metric("journal_dropped", Kind.COUNTER, "Sightings lost because a queue was full."),
    Metric(
        "retention_last_run_timestamp_seconds", Kind.GAUGE, "When what is older than the retention was last deleted."
    ),
    Metric("outbox_messages", Kind.COUNTER, "What became of messages that were to go out.", ("outlet", "fate")),
    Metric("outbox_waiting", Kind.GAUGE, "Messages that wait to go out.", ("outlet",)),
    Metric("bypass", Kind.COUNTER, "Attempts to get around the resolver.", ("kind", "group")),
    Metric("absent_clients", Kind.GAUGE, "Clients active at the proxy that do not ask the resolver.", ("group",)),
    Metric("selftest_successful", Kind.GAUGE, "Whether the last self-test succeeded.", ("path",)),
    Metric("build_info", Kind.GAUGE, "The version that runs.", ("version",)),
)
"""The resolver's endpoint."""

PROXY = (
    Metric("proxy_connections", Kind.COUNTER, "Connections, by what was decided on their name.", ("decision",)),
    Metric("proxy_requests", Kind.COUNTER, "HTTP requests seen, by what was decided.", ("decision",)),
    Metric(
        "proxy_flags",
        Kind.COUNTER,
        "Attempts to reach listed names that the proxy saw.",
        ("app", "role", "grade", "channel", "group"),
    ),
    Metric("proxy_errors", Kind.COUNTER, "Connections closed because a hook of the addon failed."),
    Metric("proxy_open_connections", Kind.GAUGE, "Client connections open now."),
    Metric("proxy_workers_alive", Kind.GAUGE, "Processes of the proxy that reported within the last seconds."),
    Metric("build_info", Kind.GAUGE, "The version that runs.", ("version",)),
)
"""The proxy's endpoint."""

Children = Mapping[str, Iterable[Labels]]
"""By metric name the label values that exist from the start."""


def resolver_children(configuration: Configuration, lists: Sequence[CompiledList]) -> dict[str, list[Labels]]:
    """Return the children of the resolver's endpoint under a snapshot."""
    upstreams = [str(server) for upstream in configuration.upstreams for server in upstream.servers]
    groups = _groups(configuration)
    apps = sorted({app for policy in configuration.policies for app, _, _ in _triples(policy, lists)})
    return {
        "queries": [(transport,) for transport in Transport],
        "responses": list(product(Outcome, RCODES)),
        "query_duration_seconds": [(outcome,) for outcome in Outcome],
        "sightings": sorted(set(_sightings(configuration, lists))),
        "devices": list(product(apps, Standing, groups)),
        "upstream_exchanges": list(product(upstreams, EXCHANGE_OUTCOMES)),
        "upstream_duration_seconds": [(upstream,) for upstream in upstreams],
        "cache_entries": [()],
        "cache_bytes": [()],
        "cache_hits": [(cache,) for cache in CACHES],
        "prefetches": [()],
        "connections": [()],
        "connections_closed": [(ending,) for ending in Ending],
        "rebinding": [(outcome,) for outcome in REBINDING_OUTCOMES],
        "ech": [(outcome,) for outcome in ECH_OUTCOMES],
        "identity_claims": list(product(Claim, Credence)),
        "waiting_refused": [(bound,) for bound in BOUNDS],
        "workers_alive": [()],
        "udp_responses_lost": [()],
        "journal_dropped": [()],
        "outbox_messages": [*product(configuration.outlets, FATES), *UNADDRESSED],
        "bypass": list(product(KINDS, groups)),
        "absent_clients": [(group,) for group in groups],
    }


def proxy_children(configuration: Configuration, lists: Sequence[CompiledList]) -> dict[str, list[Labels]]:
    """Return the children of the proxy's endpoint under a snapshot."""
    return {
        "proxy_connections": [(action,) for action in ProxyAction],
        "proxy_requests": [(action,) for action in ProxyAction],
        "proxy_flags": sorted(
            {
                (app, role, grade, channel, group)
                for app, role, grade, channel, _, group in _sightings(configuration, lists)
                if channel is not Channel.DNS
            }
        ),
        "proxy_errors": [()],
        "proxy_open_connections": [()],
        "proxy_workers_alive": [()],
    }


def _groups(configuration: Configuration) -> list[str]:
    return [*(group.name for group in configuration.groups), NO_GROUP]


def _sightings(configuration: Configuration, lists: Sequence[CompiledList]) -> Iterator[Labels]:
    """Yield what can be sighted: only what a list holds, a phase of its policy records, and a group it covers asks."""
    for policy in configuration.policies:
        groups = list(policy.groups) or _groups(configuration)
        acts = [(Channel.DNS, action) for action in _dns_actions(policy, lists)]
        proxy_actions = {ACTIONS[phase][1] for phase in policy.phases} | {ProxyAction.OBSERVE}
        acts += product([channel for channel in Channel if channel is not Channel.DNS], proxy_actions)
        for triple, act, group in product(_triples(policy, lists), acts, groups):
            yield (*triple, *act, group)


def _dns_actions(policy: Policy, lists: Sequence[CompiledList]) -> set[str]:
    own_answers = {rule.answer for compiled in _chosen(policy, lists) for rule in compiled.rules if rule.answer}
    actions = {ACTIONS[phase][0] or policy.answer for phase in policy.phases}
    return actions | own_answers if policy.answer in actions else set(actions)


def _triples(policy: Policy, lists: Sequence[CompiledList]) -> set[tuple[str, Role, Grade]]:
    chosen = _chosen(policy, lists)
    triples = {(rule.app, rule.role, rule.grade) for compiled in chosen for rule in compiled.rules if not rule.passthru}
    return triples | {(compiled.app, compiled.role, compiled.grade) for compiled in chosen if compiled.blocked}


def _chosen(policy: Policy, lists: Sequence[CompiledList]) -> list[CompiledList]:
    names = set(policy.blocklists)
    if Phase.QUARANTINE in policy.phases:
        names |= set(policy.quarantine.blocklists)
    return [compiled for compiled in lists if compiled.name in names]
