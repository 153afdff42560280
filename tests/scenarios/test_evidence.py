"""Traces of what people do, through the shipped catalogue and the evidence, to the standing that must come out."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.evidence.record import Attribution, Observation, gather
from dnsfilter.policy.matcher import Matcher
from dnsfilter.settings.order import Blocklist

ROOT = Path(__file__).parents[2]
SCENARIOS = yaml.safe_load((Path(__file__).parent / "evidence.yaml").read_text())


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    blocklist = Blocklist(name="tiktok", file="tiktok.yaml")
    parsed = parse_list((ROOT / "blocklists" / "tiktok.yaml").read_text(), "tiktok.yaml", blocklist)
    return Matcher([compile_list(blocklist, parsed, 0.0)])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["title"])
def test_scenario(matcher: Matcher, scenario: dict[str, Any]) -> None:
    """A known device that does this ends up with this standing."""
    observations = [
        Observation(hours * 3600.0, rules[0].text, rules[0].grade)
        for hours, name in scenario["trace"]
        if (rules := matcher.match(name))
    ]
    record = gather(Attribution.DEVICE, observations)
    assert (record.standing if record else "nothing") == scenario["standing"]
