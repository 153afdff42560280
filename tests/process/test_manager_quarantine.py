"""A manager that is killed at any moment: store and client snapshot agree again, nobody is lost or invented."""

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from random import Random

import pytest

from dnsfilter.feeds.clients import read_clients
from dnsfilter.journal import Journal
from dnsfilter.model import Channel, Grade, Role, Sighting
from dnsfilter.store.pseudonyms import Pseudonyms, load_key
from tests.process.test_manager import Managed
from tests.processes import Processes, wait_until

BLOCKLIST = """\
app: own
entries:
  - {pattern: "api*.own.example", role: app-api, grade: strong, why: test}
  - {pattern: "log*.own.example", role: app-telemetry, grade: strong, why: test}
"""
KILLS = 12
PHASES = {"enforce": "2023-03-15", "quarantine": "2023-03-15"}


class Quarantining(Managed):
    """A manager under an order in its last phase, and as many devices as it will be killed."""

    def configure(self, blocklist: str = BLOCKLIST) -> None:
        """Write configuration, inventory and list."""
        super().configure(blocklist)
        settings = json.loads(self.file.read_text())
        settings["policies"][0]["phases"] = PHASES
        self.file.write_text(json.dumps(settings))
        rows = [f"device-{number},192.0.2.{number}\n" for number in range(1, KILLS + 2)]
        (self.directory / "devices.csv").write_text("id,ip\n" + "".join(rows))

    def use_app(self, number: int) -> None:
        """Report that a device uses the app."""
        journal = Journal("worker-0", f"life-{number}")
        for rule, role in (("api*.own.example", Role.APP_API), ("log*.own.example", Role.APP_TELEMETRY)):
            address = f"192.0.2.{number}"
            journal.note(
                Sighting(time.time(), address, "own", "own", rule, role, Grade.STRONG, Channel.DNS, "sinkhole", "none")
            )
        assert self.report(journal)

    def in_store(self) -> set[str]:
        """Return who is quarantined by the store."""
        with contextlib.closing(sqlite3.connect(self.state / "dnsfilter.db")) as connection:
            try:
                rows = connection.execute("select device from devices where standing = 'quarantined'").fetchall()
                held = connection.execute("select device from consequences").fetchall()
            except sqlite3.OperationalError:
                return set()
        assert set(rows) == set(held)
        return {device for (device,) in rows}

    def in_snapshot(self) -> set[str]:
        """Return who is quarantined by the client snapshot, which is whole whenever it is read."""
        pseudonyms = Pseudonyms(load_key(self.state / "pseudonym.key"))
        return {pseudonyms.of_device(device) for device in read_clients(self.state).quarantined}


@pytest.mark.slow
def test_kills(tmp_path: Path, processes: Processes) -> None:
    """After each kill the store is whole and has lost nobody; after the last start the snapshot says the same."""
    managed, random, known = Quarantining(tmp_path), Random(4), set[str]()
    reported: set[str] = set()
    pseudonyms = Pseudonyms(load_key(managed.state / "pseudonym.key"))
    for number in range(1, KILLS + 1):
        manager = managed.start(processes)
        managed.use_app(number)
        reported.add(pseudonyms.of_device(f"device-{number}"))
        time.sleep(random.uniform(0.0, 4.0))
        manager.kill()
        found = managed.in_store()
        assert known <= found <= reported
        known = found
        assert managed.in_snapshot() <= found
    managed.start(processes)
    managed.use_app(KILLS + 1)
    last = pseudonyms.of_device(f"device-{KILLS + 1}")
    wait_until(lambda: last in managed.in_store(), "quarantined")
    wait_until(lambda: managed.in_snapshot() == managed.in_store(), "the snapshot agrees")
    assert known | {last} <= managed.in_store() <= reported | {last}
    assert len(managed.in_store()) > 2
