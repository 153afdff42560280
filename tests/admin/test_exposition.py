"""From keys of the journal to what Prometheus reads."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from dnsfilter.admin.exposition import Exposition
from dnsfilter.journal import Journal
from dnsfilter.metrics import RESOLVER, Kind, Metric

DECLARED = (
    Metric("hits", Kind.COUNTER, "Hits.", ("cache",)),
    Metric("level", Kind.GAUGE, "Level."),
    Metric("wait_seconds", Kind.HISTOGRAM, "Wait.", ("outcome",)),
    Metric("build_info", Kind.GAUGE, "Version.", ("version",)),
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def samples(exposition: Exposition) -> dict[str, float]:
    """Return every sample by its series."""
    text = exposition.render("")[0].decode()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith("#")
    }


@pytest.fixture
def exposition() -> Exposition:
    return Exposition(DECLARED)


def test_children_exist_before_anything_happens(exposition: Exposition) -> None:
    """A child created shows zero, so that a rate over its first event is seen."""
    exposition.create({"hits": [("memo",)], "level": [()], "wait_seconds": [("ok",)]})
    shown = samples(exposition)
    assert shown['dnsfilter_hits_total{cache="memo"}'] == shown["dnsfilter_level"] == 0
    assert shown['dnsfilter_wait_seconds_count{outcome="ok"}'] == 0
    exposition.add(("hits", "memo"), 2)
    exposition.create({"hits": [("memo",)]})
    assert samples(exposition)['dnsfilter_hits_total{cache="memo"}'] == 2


def test_durations_become_a_histogram(exposition: Exposition) -> None:
    """Observations of a journal add up to cumulative buckets, count and sum."""
    journal = Journal("worker-0", "1")
    for seconds in (0.0004, 0.003, 0.003, 60.0):
        journal.observe("wait", "ok", seconds)
    for key, value in journal.counters.items():
        exposition.add(key, value)
    shown = samples(exposition)
    series = 'dnsfilter_wait_seconds_bucket{{le="{}",outcome="ok"}}'
    assert [shown[series.format(bound)] for bound in ("0.0005", "0.001", "0.005", "5.0", "+Inf")] == [1, 1, 3, 3, 4]
    assert shown['dnsfilter_wait_seconds_count{outcome="ok"}'] == 4
    assert shown['dnsfilter_wait_seconds_sum{outcome="ok"}'] == pytest.approx(60.0064)


@pytest.mark.parametrize(
    "key",
    [
        ("unknown", "x"),
        ("hits",),
        ("hits", "a", "b"),
        ("wait_bucket",),
        ("wait_bucket", "ok", "nonsense"),
        ("wait_bucket", "0.001"),
        ("wait_sum",),
        ("other_bucket", "ok", "0.001"),
    ],
)
def test_other_keys_are_ignored(exposition: Exposition, key: tuple[str, ...]) -> None:
    """A key that no metric declares, or with other labels, changes nothing."""
    before = samples(exposition)
    exposition.add(key)
    assert {series: value for series, value in samples(exposition).items() if value} == before


def test_replaced_children_disappear(exposition: Exposition) -> None:
    """A gauge whose children change shows only those of now."""
    exposition.replace("level", {("a",): 1.0})
    exposition.replace("level", {})
    assert "dnsfilter_level" not in samples(exposition)


@pytest.mark.parametrize(("accept", "parse"), [("text/plain", parse_text), (OPENMETRICS, parse_openmetrics)])
def test_both_formats_parse(accept: str, parse: object) -> None:
    """What the Accept header asks for is what comes, in a form that the format's own parser reads."""
    exposition = Exposition(RESOLVER)
    exposition.create({"queries": [("udp",)], "query_duration_seconds": [("blocked",)]})
    body, media_type = exposition.render(accept)
    assert media_type.startswith(accept.partition(";")[0])
    assert callable(parse)
    names = {family.name for family in parse(body.decode())}
    assert {f"dnsfilter_{metric.name}" for metric in RESOLVER} <= names
