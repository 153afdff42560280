"""docs/metrics.md is complete: every metric of both endpoints, with its kind, its labels and a meaning."""

import re
from pathlib import Path

import pytest

from dnsfilter import metrics
from dnsfilter.metrics import Kind, Metric

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(dnsfilter_\w+)` \| (\w+) \|(.*?)\| (.+?) \|$", re.MULTILINE)


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def shown_name(metric: Metric) -> str:
    return metrics.PREFIX + metric.name + ("_total" if metric.kind is Kind.COUNTER else "")


@pytest.mark.parametrize(
    ("title", "declared"), [("The resolver's endpoint", metrics.RESOLVER), ("The proxy's endpoint", metrics.PROXY)]
)
def test_tables_are_the_declarations(title: str, declared: tuple[Metric, ...]) -> None:
    """A section holds a row for each declared metric, with the declared kind and labels, and no other row."""
    rows = {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels, _ in ROW.findall(section(title))}
    assert rows == {shown_name(metric): (metric.kind.value, list(metric.labels)) for metric in declared}


def test_labels_are_explained() -> None:
    """Every label has a row that says what its values are."""
    explained = set(re.findall(r"^\| `(\w+)` \|", section("Labels"), re.MULTILINE))
    assert explained == {label for metric in (*metrics.RESOLVER, *metrics.PROXY) for label in metric.labels}
