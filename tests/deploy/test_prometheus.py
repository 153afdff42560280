"""The alert rules: accepted by promtool, each seen firing and not firing, and on metrics that exist."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dnsfilter import metrics
from tests.processes import require_program

DIRECTORY = Path(__file__).parents[2] / "deploy" / "prometheus"
GROUPS: list[dict[str, Any]] = yaml.safe_load((DIRECTORY / "dnsfilter.rules.yaml").read_text())["groups"]
ALL: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
RULES = [rule for rule in ALL if "alert" in rule]
RECORDS = [rule for rule in ALL if "record" in rule]
TESTS: list[dict[str, Any]] = yaml.safe_load((DIRECTORY / "dnsfilter.rules.test.yaml").read_text())["tests"]
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def samples() -> dict[str, set[str]]:
    """Return the label names of every sample that both endpoints declare."""
    return {
        f"{metrics.PREFIX}{metric.name}{suffix}": {*metric.labels, "le"}
        for metric in (*metrics.RESOLVER, *metrics.PROXY)
        for suffix in SUFFIXES[metric.kind.value]
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", "dnsfilter.rules.yaml"],
        ["check", "config", "prometheus.yaml"],
        ["test", "rules", "dnsfilter.rules.test.yaml"],
    ],
    ids=" ".join,
)
def test_promtool_accepts(arguments: list[str]) -> None:
    """Prometheus's own checker reads the files, and the rules do what their test says."""
    program = require_program("promtool", "prometheus")
    done = subprocess.run([program, *arguments], cwd=DIRECTORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    """Each alert has a test in which it fires for some series and stays silent for another."""
    assert [test["name"] for test in TESTS] == [rule["alert"] for rule in RULES]
    for test in TESTS:
        fired = [alert for check in test["alert_rule_test"] for alert in check["exp_alerts"]]
        assert len(fired) == 1, test["name"]
        assert len(test["input_series"]) > 1 or any(not check["exp_alerts"] for check in test["alert_rule_test"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_is_complete(rule: dict[str, Any]) -> None:
    """An alert says how bad it is, who gets it, what happened and what to do."""
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["team"] in {"soc", "operations"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_record_is_named_for_what_it_holds(rule: dict[str, Any]) -> None:
    """A recording rule's name says which labels are left, of what, and how it was worked out; a dashboard uses it."""
    labels, metric, operation = rule["record"].split(":")
    assert re.search(rf"sum by \({', '.join(labels.split('_'))}\) ", rule["expr"])
    assert metric in rule["expr"] or operation.startswith("ratio")
    window = re.search(r"rate(\w+)$", operation)
    assert window is None or f"[{window[1]}]" in rule["expr"]
    assert any(rule["record"] in dashboard.read_text() for dashboard in (DIRECTORY.parent / "grafana").iterdir())


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rule_uses_declared_metrics(rule: dict[str, Any]) -> None:
    """Every metric in an expression is declared, with the labels that the expression selects and sums by."""
    declared = samples()
    used = re.findall(r"(dnsfilter_\w+)(?:\{([^}]*)\})?", rule["expr"])
    assert used or rule["expr"].startswith("up{")
    for name, selector in used:
        assert name in declared
        assert set(re.findall(r"(\w+)(?:!?=|=~)", selector)) <= declared[name]
