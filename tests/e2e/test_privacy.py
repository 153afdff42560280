"""Pseudonyms, audit and deletion on a running service, by the commands that a person types."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.server import Server
from tests.processes import wait_until

INVENTORY = "id,name,owner,mail,group,mac,ip\ndev-1,Laptop 1,Alice Müller,alice@corp.example,,,127.0.0.1\n"
GROUPS = [{"name": "local", "networks": ["127.0.0.0/8"]}]


def pseudonyms(server: Server) -> list[str]:
    """Return the devices that the store knows."""
    return [json.loads(line)["id"] for line in server.command("devices", "--json").stdout.splitlines()]


def test_from_sighting_to_deletion(start: Callable[..., Server], tmp_path: Path) -> None:
    """A device is seen, revealed, forgotten while everything runs, seen anew, and the audit tells of all of it."""
    (tmp_path / "devices.csv").write_text(INVENTORY)
    server = start(inventory=str(tmp_path / "devices.csv"), groups=GROUPS)
    server.dig("www.tiktok.com")
    wait_until(lambda: pseudonyms(server), "the device is known")
    (device,) = pseudonyms(server)

    revealed = server.command("reveal", device, "--reason", "T-42", "--json")
    assert (revealed.returncode, json.loads(revealed.stdout)["owner"]) == (0, "Alice Müller")
    forgotten = server.command("devices", "forget", device, "--reason", "T-43")
    assert (forgotten.returncode, forgotten.stderr) == (0, "")
    assert pseudonyms(server) == []
    assert server.command("devices", "forget", device, "--reason", "T-43").returncode == 1

    server.dig("www.tiktok.com")
    wait_until(lambda: pseudonyms(server) == [device], "the device is seen anew")
    verified = server.command("audit", "verify")
    assert (verified.returncode, verified.stdout) == (0, "3 entries, intact\n")
    listed = [json.loads(line) for line in server.command("audit", "list", "--json").stdout.splitlines()]
    about_devices = [(entry["action"], entry["subject"]) for entry in listed if entry["action"] != "put-in-force"]
    assert about_devices == [("reveal", device), ("forget", device)]
    assert server.metric("dnsfilter_retention_last_run_timestamp_seconds") > 1_700_000_000


def test_another_key(start: Callable[..., Server], tmp_path: Path) -> None:
    """The key is not replaced while the service runs; afterwards the service goes on with the new one."""
    (tmp_path / "devices.csv").write_text(INVENTORY)
    server = start(inventory=str(tmp_path / "devices.csv"), groups=GROUPS)
    server.dig("www.tiktok.com")
    wait_until(lambda: pseudonyms(server), "the device is known")
    old = pseudonyms(server)
    refused = server.command("privacy", "rotate-key", "--reason", "T-44")
    assert refused.returncode == 2
    assert "another dnsfilter runs" in refused.stderr

    server.running.send(signal.SIGTERM)
    server.running.process.wait(20)
    rotated = server.command("privacy", "rotate-key", "--reason", "T-44")
    assert (rotated.returncode, rotated.stderr) == (0, "")
    (new,) = pseudonyms(server)
    assert [new] != old
    assert server.command("reveal", old[0], "--reason", "T-45", "--json").stdout.count("Alice") == 1

    again = start(inventory=str(tmp_path / "devices.csv"), groups=GROUPS)
    again.dig("www.tiktok.com")
    wait_until(lambda: again.command("devices", "--json").stdout.count('"sightings": 2') == 1, "it is seen again")
    assert pseudonyms(again) == [new]
    assert again.command("audit", "verify").returncode == 0


def test_wrong_input(start: Callable[..., Server]) -> None:
    """Without a reason the status is 2, for nobody known it is 1, and no traceback is seen."""
    server = start()
    for arguments, status in (
        (("reveal", "d-aaaaaaaaaaaaaaaa", "--reason", " "), 2),
        (("reveal", "d-aaaaaaaaaaaaaaaa"), 2),
        (("reveal", "d-aaaaaaaaaaaaaaaa", "--reason", "T-1"), 1),
        (("devices", "forget", "d-aaaaaaaaaaaaaaaa", "--reason", ""), 2),
        (("devices", "forget", "d-aaaaaaaaaaaaaaaa", "--reason", "T-1"), 1),
        (("privacy", "rotate-key", "--reason", ""), 2),
    ):
        done = server.command(*arguments)
        assert (done.returncode, done.stdout) == (status, ""), arguments
        assert done.stderr
        assert "Traceback" not in done.stderr
