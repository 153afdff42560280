"""Everything that goes out, through a real manager: to a real mail server, a real webhook receiver and a file."""

import contextlib
import json
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dnsfilter.journal import Journal
from dnsfilter.model import Channel, Grade, Role, Sighting
from dnsfilter.store.pseudonyms import Pseudonyms, load_key
from tests.fakes.hook import SECRET, Receiver
from tests.fakes.postbox import Postbox
from tests.process.test_manager import Managed
from tests.processes import Processes, free_port, wait_until

BLOCKLIST = """\
app: own
entries:
  - {pattern: "api*.own.example", role: app-api, grade: strong, why: test}
  - {pattern: "log*.own.example", role: app-telemetry, grade: strong, why: test}
"""
INVENTORY = "id,name,owner,mail,ip,language\n"
KILLS = 6


class Sending(Managed):
    """A manager under an order in its last phase, with what goes out as a test says."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.settings = settings
        super().__init__(directory)

    def configure(self, blocklist: str = BLOCKLIST) -> None:
        """Write configuration, secret, inventory and list."""
        super().configure(blocklist)
        (self.directory / "secret").write_text(SECRET)
        (self.directory / "secret").chmod(0o600)
        settings = {**json.loads(self.file.read_text()), **self.settings}
        settings["policies"][0]["phases"] = {"enforce": "2023-03-15", "quarantine": "2023-03-15"}
        settings["policies"][0]["quarantine"] = {"blocklists": ["own"]}
        self.file.write_text(json.dumps(settings))
        rows = [f"device-{n},Phone {n},Owner {n},owner-{n}@corp.example,192.0.2.{n},de\n" for n in range(1, 20)]
        (self.directory / "devices.csv").write_text(INVENTORY + "".join(rows))

    def use_app(self, number: int) -> None:
        """Report that a device uses the app."""
        journal = Journal("worker-0", f"life-{number}-{time.time()}")
        for rule, role in (("api*.own.example", Role.APP_API), ("log*.own.example", Role.APP_TELEMETRY)):
            seen = (time.time(), f"192.0.2.{number}", "own", "own", rule, role, Grade.STRONG, Channel.DNS)
            journal.note(Sighting(*seen, "sinkhole", "none"))
        assert self.report(journal)

    def pseudonym(self, number: int) -> str:
        """Return what the store calls a device."""
        return Pseudonyms(load_key(self.state / "pseudonym.key")).of_device(f"device-{number}")

    def query(self, statement: str) -> list[Any]:
        """Return rows of the store."""
        with contextlib.closing(sqlite3.connect(self.state / "dnsfilter.db")) as connection:
            try:
                return connection.execute(statement).fetchall()
            except sqlite3.OperationalError:
                return []

    def events(self) -> list[dict[str, Any]]:
        """Return what the SIEM got."""
        file = self.directory / "events.json"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def told(kind: str, bodies: list[dict[str, Any]]) -> set[str]:
    """Return the devices about which there was such an event."""
    return {body["data"]["device"] for body in bodies if body["type"] == kind}


def hook(url: str, **keys: Any) -> dict[str, Any]:
    return {"webhooks": [{"name": "mdm", "url": url, "secret_file": "secret", **keys}]}


def notices(port: int, **keys: Any) -> dict[str, Any]:
    known = {"server": f"127.0.0.1:{port}", "security": "none", "sender": "it@corp.example", "contact": "4711"}
    return {"notices": {**known, **keys}}


def test_a_device_is_found(tmp_path: Path, processes: Processes) -> None:
    """Owner, MDM and SIEM are told within seconds, each what is theirs; the store holds no address and no id."""
    with Receiver() as receiver, Postbox() as postbox:
        settings = {**hook(receiver.url, identify=True), **notices(postbox.port)}
        managed = Sending(tmp_path, **settings, events=[{"name": "siem", "to": "events.json"}])
        running = managed.start(processes)
        managed.use_app(3)
        wait_until(lambda: told("quarantined", receiver.bodies), "the MDM is told")
        wait_until(
            lambda: {"audit", "quarantined"} <= {line["event"]["action"] for line in managed.events()}, "the SIEM"
        )
        wait_until(lambda: any("Zugang" in mail["Subject"] for mail in postbox.mails), "the owner is told")
        mail, body, device = postbox.mails[-1], receiver.bodies[-1], managed.pseudonym(3)
        assert mail["To"].addresses[0].addr_spec == "owner-3@corp.example"
        assert "Phone 3" in mail["Subject"]
        assert "Deshalb" in mail.get_content()
        assert (body["type"], body["data"]["device"], body["data"]["device_id"]) == ("quarantined", device, "device-3")
        assert receiver.problems == []
        found = {line["event"]["action"]: line for line in managed.events()}
        assert found["quarantined"]["device"]["id"] == device
        assert found["quarantined"]["event"]["id"] == receiver.ids[-1]
        assert ("disclose", device) in managed.query("select action, subject from audit")
        sent = 'outbox_messages_total{fate="delivered",outlet="mail"}'
        wait_until(lambda: managed.metric(sent) == len(postbox.mails), "counted")
        assert running.stop() == 0
    for file in managed.state.glob("dnsfilter.db*"):
        assert not any(text in file.read_bytes() for text in (b"owner-3", b"device-3", b"Phone 3"))
    assert "owner-3" not in running.output
    assert "Traceback" not in running.output


def test_the_other_side_is_down(tmp_path: Path, processes: Processes) -> None:
    """What cannot be delivered waits, across a restart, without keeping sightings waiting; then it arrives once."""
    port = free_port()
    managed = Sending(tmp_path, **notices(port))
    running = managed.start(processes)
    managed.use_app(1)
    wait_until(lambda: managed.query("select 1 from outbox where attempts > 0"), "tried")
    assert "mail: nothing goes out, what waits is tried again: Connection refused" in running.output
    managed.use_app(2)
    wait_until(lambda: len(managed.query("select 1 from devices where standing = 'quarantined'")) == 2, "judged")
    assert running.stop() == 0
    with Postbox(port=port) as postbox:
        managed.start(processes)
        wait_until(lambda: not managed.query("select 1 from outbox where sent = 0"), "all sent", 40)
        assert {mail["To"].addresses[0].username for mail in postbox.mails} == {"owner-1", "owner-2"}
        identifiers = [mail["Message-ID"] for mail in postbox.mails]
        assert len(identifiers) == len(set(identifiers))


@pytest.mark.slow
def test_kills(tmp_path: Path, processes: Processes) -> None:
    """A manager killed at any moment between evidence and delivery loses no event and invents none; ids repeat."""
    random = Random(7)
    with Receiver() as receiver:
        managed = Sending(tmp_path, **hook(receiver.url))
        for number in range(1, KILLS + 1):
            manager = managed.start(processes)
            managed.use_app(number)
            time.sleep(random.uniform(0.0, 4.0))
            manager.kill()
        stored = {device for (device,) in managed.query("select device from devices where standing != 'clear'")}
        assert len(stored) > 1
        managed.start(processes)
        wait_until(lambda: stored <= told("quarantined", receiver.bodies), "all told", 40)
        known = {managed.pseudonym(number) for number in range(1, KILLS + 1)}
        quarantined = Counter()
        for identifier, body in dict(zip(receiver.ids, receiver.bodies, strict=True)).items():
            assert identifier.startswith("evt_")
            quarantined[body["data"]["device"]] += body["type"] == "quarantined"
    assert stored <= set(quarantined) <= known
    assert set(quarantined.values()) == {1}
    assert receiver.problems == []


def test_outlets_change_while_running(tmp_path: Path, processes: Processes) -> None:
    """A reload puts another outlet in force, a refused one is itself an event, a dry run writes and sends nothing."""
    managed = Sending(tmp_path)
    running = managed.start(processes)
    managed.settings = {
        **notices(free_port(), dry_run=True),
        **hook("https://mdm.example/", dry_run=True),
        "events": [{"name": "siem", "to": "events.json"}],
    }
    managed.configure()
    running.send(signal.SIGHUP)
    wait_until(lambda: managed.metric('outbox_waiting{outlet="siem"}') == 0, "in force")
    managed.use_app(1)
    wait_until(lambda: {path.suffix for path in managed.state.glob("dry-run/*/*")} == {".eml", ".json"}, "rehearsed")
    managed.file.write_text("nonsense: 1\n")
    running.send(signal.SIGHUP)
    wait_until(lambda: "reload-failed" in {line["event"]["action"] for line in managed.events()}, "told")
    (line,) = (line for line in managed.events() if line["event"]["action"] == "reload-failed")
    assert "nonsense" in line["event"]["reason"]
