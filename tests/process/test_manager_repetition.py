"""A manager that is frozen or killed while workers report: their sightings are stored once."""

import random
import signal
import time
from pathlib import Path

import pytest

from dnsfilter import channel
from dnsfilter.journal import Journal
from tests.fakes.managed import Managed
from tests.fakes.sightings import sighting
from tests.processes import Processes, wait_until

KILLS = 4


def note(journal: Journal, number: int) -> None:
    """Let a worker see something."""
    for _ in range(number):
        journal.note(sighting(time=time.time()))


def test_a_frozen_manager_stores_once(tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers repeat while the manager is stopped is waiting for it several times and counts once, rates too."""
    monkeypatch.setattr(channel, "TIMEOUT", 0.2)
    managed = Managed(tmp_path)
    running = managed.start(processes)
    journals = [Journal(f"worker-{number}", "1") for number in range(2)]
    running.send(signal.SIGSTOP)
    for round_ in range(4):
        for journal in journals:
            note(journal, 10)
            journal.count("queries", "udp")
            assert not managed.report(journal), round_
    running.send(signal.SIGCONT)
    monkeypatch.undo()
    assert all(map(managed.report, journals))
    note(journals[0], 1)
    assert managed.report(journals[0])
    wait_until(lambda: managed.stored() >= 81, "stored")
    assert running.stop() == 0
    assert managed.stored() == 81


def test_what_was_stored_before_a_kill_is_not_again(tmp_path: Path, processes: Processes) -> None:
    """A manager that is killed between storing and confirming is followed by one that knows what is stored."""
    managed = Managed(tmp_path)
    running = managed.start(processes)
    journal = Journal("worker-0", "1")
    note(journal, 5)
    batch = journal.unconfirmed = journal.drain()
    assert managed.report(journal)
    wait_until(lambda: managed.stored() == 5, "stored")
    running.kill()
    running = managed.start(processes)
    journal.unconfirmed = batch
    note(journal, 1)
    assert managed.report(journal)
    wait_until(lambda: managed.stored() >= 6, "stored")
    assert running.stop() == 0
    assert managed.stored() == 6


def test_kills_store_nothing_twice(tmp_path: Path, processes: Processes) -> None:
    """Whenever the manager is killed: nothing is stored twice, and lost only what was confirmed and not stored yet."""
    chance, managed, journal = random.Random(4), Managed(tmp_path), Journal("worker-0", "1")
    noted = confirmed = forgivable = 0
    for _ in range(KILLS):
        running = managed.start(processes)
        stored_before, confirmed_before = managed.stored(), confirmed
        end = time.monotonic() + chance.uniform(0.2, 1.5)
        while time.monotonic() < end:
            note(journal, 3)
            noted += 3
            assert managed.report(journal)
            confirmed = noted
        stored = managed.stored()
        running.kill()
        forgivable += max(0, (confirmed - confirmed_before) - (stored - stored_before))
    note(journal, 1)
    running = managed.start(processes)
    assert managed.report(journal)
    assert running.stop() == 0
    assert noted + 1 - forgivable <= managed.stored() <= noted + 1
