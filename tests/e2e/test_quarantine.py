"""Quarantine from end to end: a real serve, an inventory of loopback addresses, and dig as the devices."""

import json
import os
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import SINKHOLE_IPV4, Server
from tests.processes import wait_until

PHONE, LAPTOP, GUEST, TABLET = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24"
INVENTORY = f"""\
id,group,ip
phone,corporate,{PHONE}
laptop,corporate,{LAPTOP}
guest,guests,{GUEST}
tablet-1,corporate,{TABLET}
tablet-2,corporate,{TABLET}
"""
API, LOG = "api16-normal-useast5.tiktokv.us", "rtlog16-normal-useast5.tiktokv.us"
MAIL = "outlook.office.com"
PHASES = {"observe": "2023-02-23", "warn": "2023-03-01", "enforce": "2023-03-15", "quarantine": "2023-03-15"}
RECORD = f"{MAIL}. 300 A 192.0.2.50"
SOON = 10.0
"""Seconds from evidence or decision to what workers do."""


@pytest.fixture
def begin(start: Callable[..., Server], tmp_path: Path) -> Callable[..., Server]:
    """Start a server under an order whose last phase has begun; keyword arguments change its quarantine."""
    (tmp_path / "devices.csv").write_text(INVENTORY)

    def begin_with(**quarantine: Any) -> Server:
        return start(
            groups=[{"name": "corporate"}, {"name": "guests", "flag": False}],
            inventory=str(tmp_path / "devices.csv"),
            records=[RECORD],
            blocklists=[
                {"name": "tiktok", "file": "tiktok.yaml"},
                {"name": "professional-apps", "file": "professional-apps.yaml"},
            ],
            policies=[order(**quarantine)],
        )

    return begin_with


def order(**quarantine: Any) -> dict[str, Any]:
    """Return the policy."""
    return {
        "name": "tiktok",
        "blocklists": ["tiktok"],
        "phases": PHASES,
        "quarantine": {"blocklists": ["professional-apps"], **quarantine},
    }


def use_app(server: Server, address: str, names: Sequence[str] = (API, LOG)) -> None:
    """Ask for what the installed app asks for."""
    for name in names:
        assert server.dig(name, "-b", address).rdata("A") == [SINKHOLE_IPV4]


def has_mail(server: Server, address: str) -> bool:
    """Whether mail resolves for a device."""
    found = server.dig(MAIL, "-b", address).rdata("A")
    assert found in ([SINKHOLE_IPV4], ["192.0.2.50"])
    return found == ["192.0.2.50"]


def listed(server: Server, *options: str) -> list[dict[str, Any]]:
    """Return what `dnsfilter devices --json` lists."""
    return [json.loads(line) for line in server.command("devices", "--json", *options).stdout.splitlines()]


def quarantine_phone(server: Server) -> str:
    """Let the phone use the app; return its pseudonym once it is quarantined."""
    use_app(server, PHONE)
    wait_until(lambda: not has_mail(server, PHONE), "the phone has no mail", SOON)
    (device,) = listed(server, "--standing", "quarantined")
    return str(device["id"])


def test_quarantine_and_back(begin: Callable[..., Server]) -> None:
    """Two families cost this device its mail within seconds, no other device anything; `clear` gives it back."""
    server = begin()
    assert has_mail(server, PHONE)
    use_app(server, LAPTOP, [API])
    use_app(server, GUEST)
    use_app(server, TABLET)
    device = quarantine_phone(server)
    assert all(has_mail(server, address) for address in (LAPTOP, GUEST, TABLET))
    standings = sorted(found["standing"] for found in listed(server))
    assert standings == ["quarantined", "suspected", "unattributable", "unattributable"]
    wait_until(lambda: server.metric("dnsfilter_devices", standing="quarantined") == 1, "counted")
    assert server.metric("dnsfilter_device_standing_info", standing="quarantined", device=device) == 1
    assert server.metric("dnsfilter_quarantine_capped", policy="tiktok") == 0
    done = server.command("devices", "clear", device, "--reason", "app removed")
    assert done.returncode == 0
    wait_until(lambda: has_mail(server, PHONE), "the phone has mail again", SOON)
    assert [found["id"] for found in listed(server, "--standing", "clear")] == [device]
    assert re.search(rf"{device}: quarantined, was \w+: confirmed under tiktok", server.running.output)
    assert not re.search(r"\bphone\b|127\.0\.0\.21", server.running.output)


def test_exemption(begin: Callable[..., Server]) -> None:
    """An exempt device keeps its mail whatever it does, and its standing says why."""
    server = begin()
    use_app(server, PHONE, [API])
    wait_until(lambda: listed(server), "the phone is known")
    (device,) = listed(server)
    options = ["--until", "2999-01-01", "--reason", "press office", "--ticket", "T-1"]
    assert server.command("devices", "exempt", device["id"], *options).returncode == 0
    wait_until(lambda: listed(server, "--standing", "exempt"), "exempt", SOON)
    use_app(server, PHONE)
    wait_until(lambda: listed(server)[0]["sightings"] >= 3, "seen")
    (device,) = listed(server)
    assert device["standing"] == "exempt"
    assert "ticket T-1: press office" in device["explanation"]
    assert has_mail(server, PHONE)


def test_dry_run_and_cap(begin: Callable[..., Server]) -> None:
    """In a dry run nobody loses mail; in force, the cap lets one device through and no more, and a metric says so."""
    server = begin(dry_run=True)
    use_app(server, PHONE)
    wait_until(lambda: listed(server, "--standing", "confirmed"), "confirmed", SOON)
    assert "would be quarantined under tiktok" in listed(server)[0]["explanation"]
    assert has_mail(server, PHONE)
    assert " would be quarantined under policy tiktok" in server.running.output
    server.rewrite({**server.settings, "policies": [order(max_devices=1)]})
    wait_until(lambda: not has_mail(server, PHONE), "in force", 2 * SOON)
    use_app(server, LAPTOP)
    wait_until(lambda: server.metric("dnsfilter_quarantine_capped", policy="tiktok") == 1, "capped")
    assert has_mail(server, LAPTOP)
    (held_back,) = listed(server, "--standing", "confirmed")
    assert "max_devices is reached" in held_back["explanation"]
    server.rewrite({**server.settings, "policies": [{**order(), "phases": {"enforce": "2023-03-15"}}]})
    wait_until(lambda: has_mail(server, PHONE), "another phase frees", 2 * SOON)


def test_the_manager_is_killed(begin: Callable[..., Server]) -> None:
    """Without the manager workers enforce on; a new one says the same, and hears what was decided meanwhile."""
    server = begin()
    device = quarantine_phone(server)
    for _ in range(3):
        (manager,) = server.processes("manager")
        os.kill(manager, signal.SIGKILL)
        assert not has_mail(server, PHONE)
        assert [found["id"] for found in listed(server, "--standing", "quarantined")] == [device]
        wait_until(lambda gone=manager: server.processes("manager") not in ([], [gone]), "a new manager")  # type: ignore[misc]
        assert not has_mail(server, PHONE)
        assert has_mail(server, LAPTOP)
    (manager,) = server.processes("manager")
    os.kill(manager, signal.SIGKILL)
    assert server.command("devices", "clear", device, "--reason", "app removed").returncode == 0
    wait_until(lambda: has_mail(server, PHONE), "cleared by the next manager", 3 * SOON)


def test_a_device_that_leaves_the_inventory(begin: Callable[..., Server], tmp_path: Path) -> None:
    """Who is no known device any more is not quarantined any more."""
    server = begin()
    quarantine_phone(server)
    (tmp_path / "devices.csv").write_text(INVENTORY.replace("phone", "other"))
    wait_until(lambda: has_mail(server, PHONE), "the phone has mail again", 2 * SOON)
    wait_until(lambda: listed(server, "--standing", "confirmed"), "its standing says so")
