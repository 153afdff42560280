"""A recording of an office through `dnsfilter replay`, by the shipped catalogue: who stands for what in the end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsfilter.cli.replay import replay

RECORDINGS = Path(__file__).parent / "recordings"
CONFIGURATION = """
upstreams: [{servers: [192.0.2.53]}]
blocklists: [{name: tiktok, file: tiktok.yaml}, {name: professional-apps, file: professional-apps.yaml}]
groups: [{name: corporate}, {name: guests, networks: [10.99.0.0/16], flag: false}]
inventory: %s
policies:
  - name: tiktok
    blocklists: [tiktok]
    groups: [corporate, guests]
    phases: {observe: 2029-12-01, warn: 2030-02-01, enforce: 2030-03-01, quarantine: 2030-03-02}
    quarantine: {blocklists: [professional-apps]}
"""
STANDINGS = {
    "10.20.0.1": ("a page with the pixel", "clear"),
    "10.20.0.2": ("a page with an embedded video", "clear"),
    "10.20.0.3": ("tiktok.com visited in a browser", "clear"),
    "10.20.0.4": ("the app is launched", "confirmed"),
    "10.20.0.5": ("the app, seen by its TLS connections", "confirmed"),
    "10.20.0.6": ("one name of the app, once", "suspected"),
    "10.20.0.7": ("two families, more than a day apart", "suspected"),
    "10.20.0.8": ("CapCut and Lark", "clear"),
    "10.20.0.9": ("the app was removed a week ago", "clear"),
    "10.20.0.10": ("a device under two addresses", "confirmed"),
    "10.20.0.11": ("the same device", "confirmed"),
    "10.20.0.12": ("an address of two devices", "unattributable"),
    "10.99.0.1": ("a guest", "unattributable"),
    "192.168.1.7": ("an address that nobody knows", "unattributable"),
}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return the standing of each client, as recorded and as it would be in the quarantine phase."""
    file = tmp_path_factory.mktemp("office") / "dnsfilter.yaml"
    file.write_text(CONFIGURATION % (RECORDINGS / "inventory.csv"))
    found = {}
    for name, more in (("recorded", []), ("quarantine", ["--at", "2030-03-02"])):
        arguments = [str(RECORDINGS / "office.csv"), "--json", "-c", str(file), *more]
        done = CliRunner().invoke(replay, arguments, catch_exceptions=False)
        assert done.stderr == ""
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        found[name] = {row["client"]: row["standing"] for row in rows}
    return found


def test_everybody_is_there(replayed: dict[str, dict[str, str]]) -> None:
    """Every client of the recording has one row."""
    assert set(replayed["recorded"]) == set(STANDINGS)


@pytest.mark.parametrize("client", STANDINGS, ids=lambda client: STANDINGS[client][0])
def test_standing(replayed: dict[str, dict[str, str]], client: str) -> None:
    """Who does this stands for that, and is quarantined in that phase if confirmed."""
    standing = STANDINGS[client][1]
    assert replayed["recorded"][client] == standing
    assert replayed["quarantine"][client] == ("quarantined" if standing == "confirmed" else standing)
