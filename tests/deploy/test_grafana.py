"""The dashboards: on metrics and labels that exist, in expressions that Prometheus reads, with panels side by side."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from dnsfilter import metrics
from tests.processes import require_program

DIRECTORY = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in DIRECTORY.glob("*.json")}
PANELS = [(name, panel) for name, dashboard in DASHBOARDS.items() for panel in dashboard["panels"]]
TARGETS = [(panel["title"], target) for _, panel in PANELS for target in panel["targets"]]
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
OF_THE_SCRAPE = {"instance", "job"}
GRID_COLUMNS = 24

each_target = pytest.mark.parametrize("target", [target for _, target in TARGETS], ids=[title for title, _ in TARGETS])


def records() -> dict[str, set[str]]:
    """Return the label names of every series that a recording rule makes."""
    groups = yaml.safe_load((DIRECTORY.parent / "prometheus" / "dnsfilter.rules.yaml").read_text())["groups"]
    names = [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]
    return {name: set(name.partition(":")[0].split("_")) for name in names}


def samples() -> dict[str, set[str]]:
    """Return the label names of every sample that both endpoints declare, and of what is recorded of them."""
    return records() | {
        f"{metrics.PREFIX}{metric.name}{suffix}": {*metric.labels, *OF_THE_SCRAPE, "le"}
        for metric in (*metrics.RESOLVER, *metrics.PROXY)
        for suffix in SUFFIXES[metric.kind.value]
    }


def test_one_for_each_team() -> None:
    """There is a dashboard for the SOC and one for operations, and Grafana can tell them apart."""
    assert sorted(DASHBOARDS) == ["operations", "soc"]
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


@each_target
def test_metrics_are_declared(target: dict[str, Any]) -> None:
    """Every metric of an expression is declared, with the labels it selects, sums and names curves by."""
    declared = samples()
    used = re.findall(r"(?:\w+:)?dnsfilter_\w+(?::\w+)?", target["expr"])
    assert used
    assert set(used) <= declared.keys()
    labels = set(re.findall(r"(\w+)=~?\"", target["expr"])) | set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    labels |= {label for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in by.split(", ")}
    for name in used:
        assert labels <= declared[name]


def test_prometheus_reads_expressions(tmp_path: Path) -> None:
    """Prometheus's own parser takes every expression, Grafana's variables filled in."""
    rules = [
        {
            "record": f"panel:{index}",
            "expr": target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*"),
        }
        for index, (_, target) in enumerate(TARGETS)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    program = require_program("promtool", "prometheus")
    done = subprocess.run([program, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    """Every panel has an id and a place of its own on Grafana's grid."""
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in panels)
    ]
    assert all(x < GRID_COLUMNS for taken in cells for x, _ in taken)
    assert not any(one & other for one, other in combinations(cells, 2))


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_variables_exist(dashboard: dict[str, Any]) -> None:
    """Every variable that a panel uses is declared in the dashboard or is Grafana's own."""
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
    assert {name for name in used if not name.startswith("__")} <= declared


def test_people_have_no_curve() -> None:
    """A device appears in one table of the SOC and in no curve over time."""
    assert [panel["type"] for _, panel in PANELS if "device," in json.dumps(panel["targets"])] == ["table"]
    assert "device" not in json.dumps(DASHBOARDS["operations"]["panels"])
