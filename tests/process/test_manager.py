"""A real manager process, driven through its channel, its endpoint and its signals."""

import json
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsfilter.errors import SnapshotError
from dnsfilter.feeds.snapshot import FILE_NAME, publish_snapshot, read_snapshot
from dnsfilter.journal import Journal
from dnsfilter.values import Endpoint
from tests.fakes.managed import BLOCKLIST, Managed
from tests.fakes.sightings import sighting
from tests.processes import Processes, Running, wait_until


@pytest.fixture
def managed(tmp_path: Path) -> Managed:
    return Managed(tmp_path)


@pytest.fixture
def running(managed: Managed, processes: Processes) -> Running:
    return managed.start(processes)


def worker(instance: str = "1", queries: int = 3, sightings: int = 2) -> Journal:
    """Return the journal of a worker that has worked."""
    journal = Journal("worker-0", instance)
    journal.count("queries", "udp", by=queries)
    for _ in range(sightings):
        journal.note(sighting(time=time.time()))
    return journal


def test_reports_become_metrics_and_rows(managed: Managed, running: Running) -> None:
    """What a worker reports shows at once, makes the endpoint ready, and is stored under a pseudonym."""
    assert managed.fetch("/readyz")[0] == 503
    assert managed.metric('queries_total{transport="udp"}') == 0
    assert managed.report(worker())
    assert managed.fetch("/readyz") == (200, "ready\n")
    assert managed.metric('queries_total{transport="udp"}') == 3
    wait_until(lambda: managed.stored() == 2, "stored")
    assert b"192.0.2.1" not in (managed.state / "dnsfilter.db").read_bytes()
    assert running.stop() == 0
    assert "Traceback" not in running.output


def test_sigterm_writes_what_is_waiting(managed: Managed, running: Running) -> None:
    """Sightings reported just before the end are in the store after it."""
    assert managed.report(worker(sightings=5_000))
    assert running.stop() == 0
    assert managed.stored() == 5_000


def test_another_manager_continues(managed: Managed, running: Running, processes: Processes) -> None:
    """After a kill the next manager takes over socket and store, and learns all counters from the next report."""
    journal = worker()
    managed.report(journal)
    wait_until(lambda: managed.stored() == 2, "stored")
    running.kill()
    journal.note(sighting(time=time.time()))
    assert not managed.report(journal)
    managed.start(processes)
    assert managed.report(journal)
    assert managed.metric('queries_total{transport="udp"}') == 3
    wait_until(lambda: managed.stored() == 3, "stored")


def test_reloads(managed: Managed, running: Running) -> None:
    """SIGHUP puts a changed list in force; a broken one changes nothing but a metric and one line."""
    managed.configure(BLOCKLIST + "  - {suffix: late.example, role: web, grade: weak}\n")
    running.send(signal.SIGHUP)
    wait_until(lambda: managed.metric('blocklist_entries{blocklist="own"}') == 2, "in force")
    managed.configure("app: own\nentries:\n  - {suffix: www.example, role: nonsense, grade: weak}\n")
    running.send(signal.SIGHUP)
    wait_until(lambda: managed.metric("last_reload_successful") == 0, "refused")
    assert managed.metric('blocklist_entries{blocklist="own"}') == 2
    assert running.output.count("reload refused, generation 2 stays: ") == 1
    assert re.search(r"blocklist own refused: \S*own.yaml:3: entries\[0\].role: .*nonsense", running.output)
    assert managed.metric('blocklist_last_load_successful{blocklist="own"}') == 0
    managed.configure()
    running.send(signal.SIGHUP)
    wait_until(lambda: managed.metric("last_reload_successful") == 1, "taken")
    assert managed.metric('blocklist_last_load_successful{blocklist="own"}') == 1
    assert managed.metric('blocklist_entries{blocklist="own"}') == 1


def test_tells_of_lines_that_are_left_out(managed: Managed, running: Running) -> None:
    """What a list in force has of bad lines is one line of the log, with the place of the first."""
    text = managed.file.read_text()
    (managed.directory / "extra.txt").write_text("a.example\nb_.example/x\ncom\n")
    lists = [*json.loads(text)["blocklists"], {"name": "extra", "file": "extra.txt"}]
    managed.file.write_text(json.dumps({**json.loads(text), "blocklists": lists}))
    running.send(signal.SIGHUP)
    wait_until(lambda: managed.metric('blocklist_entries{blocklist="extra"}') == 1, "in force")
    assert re.search(r"warning: \S*extra.txt:2: 'b_.example/x' has a character .* \(and 1 more\)", running.output)


def test_follows_the_inventory(managed: Managed, running: Running) -> None:
    """A device that comes into the inventory while the manager runs is one from then on."""
    assert running.is_alive
    before = (managed.state / "clients").read_bytes()
    (managed.directory / "devices.csv").write_text("id,ip\nphone,192.0.2.2\n")
    wait_until(lambda: (managed.state / "clients").read_bytes() != before, "published")


def test_says_what_needs_a_restart(managed: Managed, running: Running) -> None:
    """A store that is configured elsewhere is taken at the next start, and one line says so."""
    text = managed.file.read_text()
    managed.file.write_text(json.dumps({**json.loads(text), "store": {"url": "sqlite:///elsewhere.db"}}))
    running.send(signal.SIGHUP)
    wait_until(lambda: "store.url has changed" in running.output, "said")


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:100]), lambda path: path.unlink()])
def test_mends_a_damaged_snapshot(managed: Managed, running: Running, damage: Callable[[Path], object]) -> None:
    """A snapshot truncated or removed on disk is there again, whole, before a worker has to start from it."""
    before = read_snapshot(managed.state)
    damage(managed.state / FILE_NAME)
    wait_until(lambda: is_whole(managed.state), "mended")
    assert read_snapshot(managed.state) == before
    assert "is published again" in running.output


def is_whole(state: Path) -> bool:
    """Whether the snapshot can be read."""
    try:
        return bool(read_snapshot(state))
    except SnapshotError:
        return False


def damage_snapshot(managed: Managed) -> None:
    """Break the snapshot."""
    (managed.state / "snapshot").write_bytes(b"nonsense")


def damage_key(managed: Managed) -> None:
    """Break the key of the pseudonyms."""
    (managed.state / "pseudonym.key").write_bytes(b"short")


def take_port(managed: Managed) -> None:
    """Configure an address that this machine does not have."""
    snapshot = read_snapshot(managed.state)
    listen = snapshot.configuration.listen.model_copy(update={"metrics": Endpoint("192.0.2.1", managed.port)})
    changed = snapshot.configuration.model_copy(update={"listen": listen})
    publish_snapshot(type(snapshot)(1, 0.0, changed, snapshot.lists), managed.state)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(damage_snapshot, "snapshot"), (damage_key, "pseudonym.key"), (take_port, "listen.metrics")],
)
def test_ends_where_it_cannot_work(
    managed: Managed, processes: Processes, spoil: Callable[[Managed], None], said: str
) -> None:
    """Without snapshot, key or address it ends with status 2 and one line."""
    spoil(managed)
    command = [sys.executable, "-m", "dnsfilter.process.manager", str(managed.state)]
    ended = processes.start("manager", command, lambda running: not running.is_alive)
    assert ended.process.wait(5) == 2
    assert said in ended.output
    assert "Traceback" not in ended.output
