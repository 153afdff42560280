"""A real manager with a store in a real PostgreSQL, which goes away and comes back."""

import time
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import func, select

from dnsfilter.cli import cli
from dnsfilter.journal import Journal
from dnsfilter.store.database import open_for_reading
from dnsfilter.store.schema import sightings
from tests.fakes.managed import Managed
from tests.fakes.postgresql import Postgresql
from tests.fakes.sightings import sighting
from tests.processes import Processes, wait_until


def seen(journal: Journal, number: int) -> Journal:
    """Return a journal with so many sightings that prove the app."""
    for index in range(number):
        journal.note(sighting("ab"[index % 2], time=time.time(), app="own"))
    return journal


def stored(url: str) -> int:
    """Return how many sightings are in the store."""
    engine = open_for_reading(url)
    if engine is None:
        return 0
    with engine.connect() as connection:
        number = connection.scalar(select(func.sum(sightings.c.count)))
    engine.dispose()
    return int(number or 0)


def command(managed: Managed, *words: str) -> str:
    """Run a command of dnsfilter on what the manager wrote; return what it printed."""
    done = CliRunner().invoke(cli, [*words, "-c", str(managed.file)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_store_in_postgresql(tmp_path: Path, processes: Processes, postgresql: Postgresql) -> None:
    """Sightings become rows and standings, commands read and decide, and nothing is lost while the server is away."""
    url = postgresql.make_database()
    managed = Managed(tmp_path, store={"url": url})
    running = managed.start(processes)
    journal = Journal("worker-0", "1")
    assert managed.report(seen(journal, 10))
    wait_until(lambda: stored(url) == 10, "stored")
    postgresql.stop()
    assert managed.report(seen(journal, 6))
    wait_until(lambda: "the store fails" in running.output, "noticed")
    postgresql.start()
    wait_until(lambda: stored(url) == 16, "stored what came while the server was away")
    wait_until(lambda: "works again" in running.output, "told of it")
    device, group, standing, *_ = command(managed, "devices").splitlines()[-1].split()
    assert standing == "confirmed", group
    command(managed, "devices", "clear", device, "--reason", "asked for")
    wait_until(lambda: " clear " in command(managed, "devices"), "judged")
    assert command(managed, "audit", "verify").endswith(" entries, intact\n")
    assert running.stop() == 0
    assert "Traceback" not in running.output
