"""kill -9 of any process at any moment, while devices reach for listed names: what is known of whom afterwards."""

import os
import random
import signal
import socket
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dnsfilter.model import Standing
from dnsfilter.store.database import open_for_reading
from dnsfilter.store.devices import list_devices
from dnsfilter.store.pseudonyms import Pseudonyms, load_key
from dnsfilter.store.schema import sightings
from tests.e2e.server import Server, complete, default_settings, start_server
from tests.fakes.resolving import make_query
from tests.faults.background import Background
from tests.faults.measures import Measure, Row, Trial, count
from tests.processes import Processes, wait_until

APP = ("api16-normal-useast5.tiktokv.us", "rtlog16-normal-useast5.tiktokv.us")
WEB = ("www.tiktok.com", "analytics.tiktok.com")
DEVICES = 20
"""Of each kind: with the app, and without."""

PAUSE = 0.02
LAST_SECOND = 1.0
SETTLE_SECONDS = 30


class Devices(Background):
    """Asks for one device after the other, half of which have the app, and notes what was answered when."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.answered: list[tuple[float, str, str]] = []
        self._port = port

    def run(self) -> None:
        """Ask until told to end."""
        number = 0
        while not self.ending.wait(PAUSE):
            number += 1
            device = number % (2 * DEVICES)
            names = APP if device < DEVICES else WEB
            name = names[number // (2 * DEVICES) % len(names)]
            if self._is_answered(device, name, number % 65_536):
                self.answered.append((time.time(), f"device-{device}", name))

    def _is_answered(self, device: int, name: str, identifier: int) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            client.bind((address(device), 0))
            client.sendto(make_query(name, identifier=identifier), ("127.0.0.1", self._port))
            try:
                return len(client.recv(4096)) > 0
            except TimeoutError:
                return False


def address(device: int) -> str:
    """Return the address of a device."""
    return f"127.0.9.{device + 1}"


def make_settings(directory: Path, upstream: str) -> dict[str, Any]:
    """Write the inventory; return settings under which devices with the app are quarantined."""
    rows = [f"device-{number},corporate,{address(number)}\n" for number in range(2 * DEVICES)]
    (directory / "devices.csv").write_text("id,group,ip\n" + "".join(rows))
    quarantine = {"blocklists": ["professional-apps"], "max_devices": 1000}
    policy = {
        "name": "tiktok",
        "blocklists": ["tiktok"],
        "phases": {"enforce": "2023-03-15", "quarantine": "2023-03-16"},
    }
    own = {
        "groups": [{"name": "corporate"}],
        "inventory": str(directory / "devices.csv"),
        "policies": [{**policy, "quarantine": quarantine}],
    }
    return complete({**default_settings(upstream), **own}, directory)


def read_store(server: Server) -> tuple[dict[str, Standing], int]:
    """Return the standing of every device by its id, and how many sightings there are; an error when it cannot open."""
    pseudonyms = Pseudonyms(load_key(Path(server.settings["privacy"]["pseudonym_key"])))
    names = {pseudonyms.of_device(f"device-{number}"): f"device-{number}" for number in range(2 * DEVICES)}
    engine = open_for_reading(server.settings["store"]["url"])
    if engine is None:
        return {}, 0
    with engine.connect() as connection:
        standings = {names[each.id]: each.standing for each in list_devices(connection)}
        number = connection.scalar(select(func.sum(sightings.c.count)))
    engine.dispose()
    return standings, int(number or 0)


def kill(server: Server, processes: Processes, directory: Path, kind: str) -> Server:
    """Kill one process; return what answers then."""
    if kind == "supervisor":
        server.running.kill()
        return start_server(processes, directory, server.settings)
    (victim, *_) = server.processes(kind)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: (found := server.processes(kind)) and victim not in found, f"another {kind}")
    return server


def run(trial: Trial) -> list[Measure]:
    """Kill again and again, at moments that nobody planned; compare what was answered with what is known."""
    chance = random.Random(1)
    directory = trial.directory / "evidence"
    directory.mkdir(exist_ok=True)
    server = start_server(trial.processes, directory, make_settings(directory, "127.0.0.1:9"))
    quarantined: set[str] = set()
    lost_standings = 0
    kills: list[float] = []
    with Devices(server.port) as devices:
        time.sleep(trial.choose(5, 3))
        for number in range(trial.choose(100, 8)):
            time.sleep(chance.uniform(0.3, 1.5))
            kills.append(time.time())
            server = kill(server, trial.processes, directory, ("worker", "manager", "supervisor")[number % 3])
            standings, _ = read_store(server)
            lost_standings += len(quarantined - {name for name, each in standings.items() if each == "quarantined"})
            quarantined |= {name for name, each in standings.items() if each == "quarantined"}
            if number % 4 == 0:
                server.command("devices", "clear", "d-none", "--reason", "drill")
    kept = [each for each in devices.answered if not any(at - LAST_SECOND <= each[0] <= at + 0.1 for at in kills)]
    expected = find_expected(kept)
    with suppress(pytest.fail.Exception):  # the figures tell
        wait_until(lambda: is_known(server, expected, len(kept)), "all is stored", SETTLE_SECONDS)
    standings, stored = read_store(server)
    verified = server.command("audit", "verify")
    web = [standings.get(f"device-{number}", Standing.CLEAR) for number in range(DEVICES, 2 * DEVICES)]
    return [
        count("kills", len(kills), None),
        count("standings lost", lost_standings + len(expected - quarantined_in(server))),
        count("standings invented", sum(each is not Standing.CLEAR for each in web)),
        count("sightings missing but for the last second", max(0, len(kept) - stored)),
        count("sightings invented", max(0, stored - len(devices.answered) - len(kills))),
        count("signs of tampering in the audit", verified.returncode),
        count("sightings", stored, None),
    ]


def is_known(server: Server, expected: set[str], number: int) -> bool:
    """Whether everybody is quarantined who has to be, and so many sightings are stored."""
    return expected <= quarantined_in(server) and read_store(server)[1] >= number


def find_expected(answered: list[tuple[float, str, str]]) -> set[str]:
    """Return the devices that were answered about both names of the app."""
    names = defaultdict(set)
    for _, device, name in answered:
        names[device].add(name)
    return {device for device, asked in names.items() if asked >= set(APP)}


def quarantined_in(server: Server) -> set[str]:
    """Return who is quarantined."""
    return {name for name, standing in read_store(server)[0].items() if standing is Standing.QUARANTINED}


ROW = Row(
    "evidence",
    "kill -9 of worker, manager and supervisor in turn, at any moment, while devices ask",
    "the store opens, no standing lost or invented, audit intact, at most the last second of sightings missing",
    run,
    ("dnsfilter",),
)
