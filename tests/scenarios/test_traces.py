"""Traces of use through the shipped catalogue, policy and evidence; the tables in docs/evidence.md are theirs."""

import re
from collections import Counter
from functools import cache
from math import inf
from pathlib import Path

import pytest
import yaml

from dnsfilter.clients.leases import Lease
from dnsfilter.config import Configuration
from dnsfilter.feeds.clients import ClientSources
from dnsfilter.model import CompiledList, Device, Standing
from dnsfilter.process.publisher import compile_all
from dnsfilter.process.replay import Replay, gather
from dnsfilter.recording.table import parse_table
from dnsfilter.store.devices import DeviceSummary
from dnsfilter.store.pseudonyms import Pseudonyms

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "evidence.md"
SCENARIOS = yaml.safe_load((HERE / "traces.yaml").read_text())
CONFIGURATION = """\
upstreams: [{servers: [192.0.2.53]}]
groups:
  - {name: corporate, networks: [10.20.0.0/16]}
  - {name: guests, networks: [10.99.0.0/16], flag: false}
blocklists: [{name: tiktok, file: tiktok.yaml}, {name: professional-apps, file: professional-apps.yaml}]
policies:
  - name: tiktok
    blocklists: [tiktok]
    phases: {observe: 2023-02-23, warn: 2023-03-01, enforce: 2023-03-15, quarantine: 2023-06-01}
    quarantine: {blocklists: [professional-apps], release_after: 7d}
identity: {shared: [10.20.50.0/24]}
"""
SHARED = ("10.20.0.41", "10.20.0.42")
"""Addresses that the inventory gives to two devices each."""
DEVICES = [Device(f"device-{number}", "", "", "", "", (), (f"10.20.0.{number}",)) for number in range(10, 40)]
DEVICES += [Device(f"{address}-{twin}", "", "", "", "", (), (address,)) for address in SHARED for twin in "ab"]
MOVER, PHONE, HOTSPOT, VPN = "02:00:5e:00:53:61", "02:00:5e:00:53:63", "02:00:5e:00:53:99", "10.20.50.1"
DEVICES += [
    Device("moves", "", "", "", "", (MOVER,), ()),
    Device("phone", "", "", "", "", (PHONE,), ("10.20.0.63",)),
    Device("concentrator", "", "", "", "", (), (VPN,)),
]
LEASES = (
    Lease("10.20.0.61", MOVER, inf),
    Lease("10.20.0.62", MOVER, inf),
    Lease("10.20.0.63", HOTSPOT, inf),  # a MAC that nobody knows, at an address that the inventory gives to a phone
)
COLUMNS = (Standing.CLEAR, Standing.SUSPECTED, Standing.CONFIRMED, Standing.UNATTRIBUTABLE)
ENFORCED, QUARANTINED = 1_683_504_000.0, 1_685_836_800.0
"""8 May and 4 June 2023."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Configuration, list[CompiledList]]:
    """Compile the configuration with the lists as they are shipped."""
    file = tmp_path_factory.mktemp("traces") / "dnsfilter.yaml"
    file.write_text(CONFIGURATION)
    return compile_all(file)[:2]


def replay(compiled: tuple[Configuration, list[CompiledList]], trace: str, at: float) -> DeviceSummary:
    """Return what the one device of a trace stands for at its end, whatever addresses it had."""
    configuration, lists = compiled
    text = (HERE / "traces" / f"{trace}.csv").read_text()
    recording = gather(parse_table(text, trace), lists)
    assert recording.problems == []
    assert recording.listed or trace == "lark"
    replayed = Replay(configuration, lists, ClientSources(tuple(DEVICES), LEASES), Pseudonyms(b"k" * 32), at)
    (_, summary), *others = replayed.run(recording)
    assert all(other == summary for _, other in others)
    return summary


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["trace"])
def test_standing(compiled: tuple[Configuration, list[CompiledList]], scenario: dict[str, str]) -> None:
    """A client that does this ends with this standing, and an explanation that begins with it."""
    found = replay(compiled, scenario["trace"], ENFORCED)
    assert (found.standing, found.explanation.partition(":")[0]) == (scenario["standing"],) * 2


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["trace"])
def test_quarantine(compiled: tuple[Configuration, list[CompiledList]], scenario: dict[str, str]) -> None:
    """In the quarantine phase exactly the confirmed devices are quarantined."""
    found = replay(compiled, scenario["trace"], QUARANTINED)
    is_confirmed = scenario["standing"] == Standing.CONFIRMED
    assert found.standing == (Standing.QUARANTINED if is_confirmed else scenario["standing"])


def test_every_trace_is_a_scenario() -> None:
    """No trace lies about without an expectation."""
    assert sorted(path.stem for path in (HERE / "traces").iterdir()) == sorted(each["trace"] for each in SCENARIOS)


@cache
def counts() -> Counter[tuple[str, str]]:
    """Return how many scenarios there are of each truth with each standing; `test_standing` holds them true."""
    return Counter((scenario["truth"], scenario["standing"]) for scenario in SCENARIOS)


def test_the_bar() -> None:
    """Every device that has the app is confirmed, and no device without it is above suspected."""
    assert {standing for truth, standing in counts() if truth == "with"} == {"confirmed"}
    assert {standing for truth, standing in counts() if truth == "without"} <= {"clear", "suspected"}
    assert {standing for truth, standing in counts() if truth == "nobody's address"} == {"unattributable"}


def test_the_page_shows_the_table() -> None:
    """docs/evidence.md holds the confusion table, and names every scenario with its standing."""
    page = PAGE.read_text()
    truths = dict.fromkeys(scenario["truth"] for scenario in SCENARIOS)
    rows = ["".join(f" {counts()[truth, standing] or ''} |" for standing in COLUMNS) for truth in truths]
    shown = re.findall(r"^\| (?:device|address)[^|]*\|((?: \d* ?\|){4})$", page, re.MULTILINE)
    assert [re.sub(r" +", " ", row) for row in shown] == [re.sub(r" +", " ", row) for row in rows]
    for scenario in SCENARIOS:
        assert f"| {scenario['title']} | `{scenario['standing']}` |" in page
