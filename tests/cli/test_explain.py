"""`dnsfilter explain`: the same decision as the resolver's, with its reasons."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dnsfilter.cli.explain import explain
from dnsfilter.errors import InputError

CONFIGURATION = """\
upstreams: [{servers: [192.0.2.53]}]
timezone: UTC
groups:
  - {name: corporate, networks: [10.20.0.0/16]}
  - {name: guests, networks: [10.99.0.0/16]}
inventory: devices.csv
blocklists: [{name: own, file: own.yaml}]
allow: [{name: press.listed.example, reason: press office, ticket: T-1, groups: [guests]}]
policies:
  - name: order
    blocklists: [own]
    groups: [corporate, guests]
    phases: {observe: 2023-02-23, warn: 2023-03-01, enforce: 2023-03-15}
    answer: nxdomain
"""
CATALOGUE = """\
app: own
entries:
  - {suffix: listed.example, role: web, grade: weak}
  - {exact: api.listed.example, role: app-api, grade: strong}
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    file = tmp_path / "dnsfilter.yaml"
    file.write_text(CONFIGURATION)
    (tmp_path / "own.yaml").write_text(CATALOGUE)
    (tmp_path / "devices.csv").write_text("id,group,ip\nL-1,corporate,192.0.2.77\n")
    return file


def explained(configuration: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the objects of --json."""
    done = CliRunner().invoke(explain, [*arguments, "--json", "-c", str(configuration)], catch_exceptions=False)
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("moment", "phase", "dns", "proxy"),
    [
        ("2023-02-22", None, "resolve", "pass"),
        ("2023-02-23", "observe", "observe", "observe"),
        ("2023-03-14T23:59:59Z", "warn", "observe", "warn"),
        ("2023-03-15", "enforce", "nxdomain", "refuse"),
    ],
)
def test_follows_the_phases(configuration: Path, moment: str, phase: str | None, dns: str, proxy: str) -> None:
    """What happens to a name depends on the moment, and the phase is told."""
    (told,) = explained(configuration, "www.listed.example", "--client", "10.20.1.1", "--at", moment)
    assert (told["phase"], told["dns"], told["proxy"]) == (phase, dns, proxy)


@pytest.mark.parametrize(
    ("client", "group", "dns"),
    [
        ("10.20.1.1", "corporate", "nxdomain"),
        ("192.0.2.77", "corporate", "nxdomain"),
        ("10.99.1.1", "guests", "nxdomain"),
        ("192.0.2.1", None, "resolve"),
        ("2001:db8::1", None, "resolve"),
    ],
)
def test_follows_the_client(configuration: Path, client: str, group: str | None, dns: str) -> None:
    """Network and inventory tell the group, and the group tells the policy."""
    (told,) = explained(configuration, "www.listed.example", "--client", client)
    assert (told["group"], told["dns"]) == (group, dns)


def test_names_the_rule(configuration: Path) -> None:
    """The most specific rule is named with its list, app, role and grade."""
    told = explained(configuration, "API.listed.example.", "other.example", "--client", "10.20.1.1")
    assert told[0] == {
        "name": "api.listed.example",
        "app": "own",
        "role": "app-api",
        "grade": "strong",
        "rule": "api.listed.example",
        "match": "exact",
        "blocklist": "own",
        "group": "corporate",
        "policy": "order",
        "phase": "enforce",
        "dns": "nxdomain",
        "proxy": "refuse",
        "exception": None,
    }
    assert (told[1]["rule"], told[1]["dns"], told[1]["proxy"]) == (None, "resolve", "pass")


def test_names_the_exception(configuration: Path) -> None:
    """A name that was freed is explained by who freed it, for the group it was freed for."""
    free, blocked = (
        explained(configuration, "press.listed.example", "--client", client)[0] for client in ("10.99.1.1", "10.20.1.1")
    )
    assert free["dns"] == "resolve"
    assert free["exception"] == {"name": "press.listed.example", "reason": "press office", "ticket": "T-1"}
    assert (blocked["dns"], blocked["exception"]) == ("nxdomain", None)


def test_one_sentence_for_people(configuration: Path) -> None:
    """Without --json every name is one line that reads."""
    arguments = ["www.listed.example", "other.example", "--client", "10.20.1.1", "-c", str(configuration)]
    blocked, free = CliRunner().invoke(explain, arguments).stdout.splitlines()
    assert blocked == (
        "www.listed.example: dns nxdomain, proxy refuse for group corporate: suffix listed.example of list own "
        "(app own, role web, grade weak), policy order in phase enforce"
    )
    assert free == "other.example: dns resolve, proxy pass for group corporate: no rule covers it"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a..b", "x" * 64, "fine.example"], ["NAME", "NAME"]),
        (["a.example", "--client", "here"], ["--client: 'here' is not an IP address"]),
        (["a.example", "--at", "soon"], ["--at: 'soon'"]),
    ],
)
def test_wrong_arguments(configuration: Path, arguments: list[str], told: list[str]) -> None:
    """Every wrong argument is named, with its value."""
    done = CliRunner().invoke(explain, [*arguments, "-c", str(configuration)])
    assert isinstance(done.exception, InputError)
    lines = str(done.exception).splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(start) for line, start in zip(lines, told, strict=True))


def test_who_asks(configuration: Path) -> None:
    """What a list says of the client stands before what it says of the name, with the network that it names."""
    text = configuration.read_text().replace("blocklists: [own]", "blocklists: [own, zone]")
    text = text.replace("file: own.yaml}", "file: own.yaml}, {name: zone, file: zone.rpz, format: rpz}")
    configuration.write_text(text)
    zone = "24.0.5.20.10.rpz-client-ip CNAME *.\n32.9.5.20.10.rpz-client-ip CNAME rpz-passthru.\n"
    (configuration.parent / "zone.rpz").write_text(zone + "32.8.5.20.10.rpz-client-ip CNAME rpz-drop.\n")
    found = {
        last: explained(configuration, "api.listed.example", "--client", f"10.20.5.{last}")[0] for last in (7, 8, 9)
    }
    assert [(one["dns"], one["proxy"], one["match"], one["rule"]) for one in found.values()] == [
        ("nodata", "refuse", "client", "10.20.5.0/24"),
        ("drop", "refuse", "client", "10.20.5.8/32"),
        ("resolve", "pass", "client", "10.20.5.9/32"),
    ]
    done = CliRunner().invoke(explain, ["other.example", "--client", "10.20.5.7", "-c", str(configuration)])
    assert "client 10.20.5.0/24 of list zone" in done.stdout
