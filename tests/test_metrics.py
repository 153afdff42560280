"""The declarations of metrics, against the rules for their names and against the journal's keys."""

import re
from collections import Counter

import pytest

from dnsfilter.config import Configuration
from dnsfilter.metrics import PROXY, RESOLVER, Kind, Metric, proxy_children, resolver_children
from dnsfilter.model import Channel, CompiledList, DnsAction, Grade, Match, Role, Rule

SETTINGS = {
    "upstreams": [{"servers": ["192.0.2.53"]}],
    "blocklists": [{"name": "tiktok", "file": "t.yaml"}, {"name": "mail", "file": "m.yaml"}],
    "groups": [{"name": "corporate"}, {"name": "guests"}],
    "policies": [
        {
            "name": "order",
            "blocklists": ["tiktok"],
            "groups": ["corporate"],
            "phases": {"observe": "2023-02-23", "enforce": "2023-03-15"},
            "quarantine": {"blocklists": ["mail"]},
        }
    ],
}
LISTS = [
    CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, 2, (
        Rule("tiktok", "tiktok", Match.EXACT, "a.example", Role.APP_API, Grade.STRONG),
        Rule("tiktok", "tiktok", Match.EXACT, "b.example", Role.WEB, Grade.WEAK, DnsAction.NXDOMAIN),
        Rule("tiktok", "tiktok", Match.EXACT, "c.example", Role.CDN_MEDIA, Grade.WEAK, passthru=True),
    )),
    CompiledList("mail", "mail", Role.INFRA, Grade.NONE, 1, (
        Rule("mail", "outlook", Match.EXACT, "d.example", Role.APP_API, Grade.NONE),
    )),
]  # fmt: skip
CONFIGURATION = Configuration.model_validate(SETTINGS)


@pytest.mark.parametrize("metric", [*RESOLVER, *PROXY], ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    """Names and labels are snake case with a unit as the last word; a counter's `_total` is added when it is shown."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name)
    assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
    assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
    assert metric.help.endswith(".")
    assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds")


@pytest.mark.parametrize("endpoint", [RESOLVER, PROXY])
def test_each_metric_is_declared_once(endpoint: tuple[Metric, ...]) -> None:
    """No endpoint declares a name twice."""
    assert max(Counter(metric.name for metric in endpoint).values()) == 1


def test_children_have_the_declared_labels() -> None:
    """Every child has as many label values as its metric has labels."""
    for endpoint, children in (
        (RESOLVER, resolver_children(CONFIGURATION, LISTS)),
        (PROXY, proxy_children(CONFIGURATION, LISTS)),
    ):
        declared = {metric.name: metric for metric in endpoint}
        for name, of_metric in children.items():
            assert {len(labels) for labels in of_metric} == {len(declared[name].labels)}, name


def test_sightings_that_can_happen() -> None:
    """A sighting's children are what the lists of a policy hold, times what its phases do, times whom it covers."""
    children = resolver_children(CONFIGURATION, LISTS)["sightings"]
    assert {labels[:3] for labels in children} == {("tiktok", "app-api", "strong"), ("tiktok", "web", "weak")}
    at_dns = {labels[4] for labels in children if labels[3] is Channel.DNS}
    assert at_dns == {"observe", "sinkhole", "nxdomain"}
    assert {labels[4] for labels in children if labels[3] is not Channel.DNS} == {"observe", "refuse"}
    assert {labels[5] for labels in children} == {"corporate"}


def test_quarantine_adds_its_lists() -> None:
    """The lists that a quarantined device loses can be sighted once the policy has that phase."""
    policy = {**SETTINGS["policies"][0], "phases": {"quarantine": "2023-03-15"}, "groups": []}  # type: ignore[index,dict-item]
    children = resolver_children(Configuration.model_validate({**SETTINGS, "policies": [policy]}), LISTS)
    assert {labels[0] for labels in children["sightings"]} == {"tiktok", "outlook"}
    assert {labels[5] for labels in children["sightings"]} == {"corporate", "guests", "none"}
    assert {labels[0] for labels in children["devices"]} == {"tiktok", "outlook"}


def test_the_number_of_children_is_modest() -> None:
    """Ten groups, four phases and a catalogue's fifteen combinations stay within a few thousand series."""
    roles = list(Role)
    rules = tuple(
        Rule("tiktok", "tiktok", Match.EXACT, f"n{number}.example", roles[number % len(roles)], Grade.WEAK)
        for number in range(300)
    )
    policy = {"name": "order", "blocklists": ["tiktok"], "groups": [f"g{number}" for number in range(10)],
              "phases": {"observe": "2023-01-01", "warn": "2023-02-01", "enforce": "2023-03-01"}}  # fmt: skip
    configuration = Configuration.model_validate(
        {**SETTINGS, "groups": [{"name": f"g{number}"} for number in range(10)], "policies": [policy]}
    )
    children = resolver_children(configuration, [CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, 300, rules)])
    assert sum(map(len, children.values())) < 3_000
