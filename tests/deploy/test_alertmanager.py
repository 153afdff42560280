"""Alertmanager's configuration: accepted by amtool, routes every alert to its team, silences only alerts that exist."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import require_program

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIGURATION = DEPLOY / "alertmanager" / "alertmanager.yaml"
SETTINGS: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus/dnsfilter.rules.yaml").read_text())["groups"][0][
    "rules"
]


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run amtool to its end."""
    program = require_program("amtool", "prometheus-alertmanager")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_amtool_accepts() -> None:
    """Alertmanager's own checker reads the file."""
    done = amtool("check-config", str(CONFIGURATION))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_routes_to_its_team(rule: dict[str, Any]) -> None:
    """Every alert reaches the team that its rule names, and no other."""
    labels = [f"alertname={rule['alert']}", *(f"{name}={value}" for name, value in rule["labels"].items())]
    done = amtool("config", "routes", "test", f"--config.file={CONFIGURATION}", *labels)
    assert done.stdout.split() == [rule["labels"]["team"]], done.stderr


def test_alerts_of_others_reach_operations() -> None:
    """An alert without a team is not lost."""
    done = amtool("config", "routes", "test", f"--config.file={CONFIGURATION}", "alertname=Other")
    assert done.stdout.split() == ["operations"], done.stderr


def test_groups_cases_by_app_and_group() -> None:
    """The SOC gets one notice for all devices of one group that use one app."""
    soc = next(route for route in SETTINGS["route"]["routes"] if route.get("receiver") == "soc")
    assert soc["group_by"] == ["app", "group"]


def test_inhibition_names_existing_alerts() -> None:
    """A renamed alert does not slip out of the inhibition."""
    named = set(re.findall(r"Dnsfilter[A-Z]\w+", str(SETTINGS["inhibit_rules"])))
    assert named <= {rule["alert"] for rule in RULES}
    assert named


def test_nothing_silences_a_device() -> None:
    """What is for the SOC is in no list of symptoms."""
    cases = {rule["alert"] for rule in RULES if rule["labels"]["team"] == "soc"}
    for rule in SETTINGS["inhibit_rules"]:
        targets = " ".join(rule["target_matchers"])
        assert 'team="operations"' in targets or not cases & set(re.findall(r"Dnsfilter[A-Z]\w+", targets))
