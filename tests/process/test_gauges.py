"""Gauges that follow from snapshot, reports and store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dnsfilter.admin.exposition import Exposition
from dnsfilter.journal import Batch
from dnsfilter.metrics import RESOLVER
from dnsfilter.process import gauges as module
from dnsfilter.process.accounts import Accounts
from dnsfilter.process.gauges import Gauges
from dnsfilter.store.writer import Report
from tests.fakes.published import publish_world


class Clock:
    """The two clocks that gauges read, set by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self.now

    monotonic = time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


class World:
    """Gauges over a published snapshot."""

    def __init__(self, state: Path) -> None:
        self.exposition = Exposition(RESOLVER)
        self.accounts = Accounts()
        self.gauges = Gauges(self.exposition, self.accounts)
        self.gauges.adopt(publish_world(state, "enforce", generation=7))

    def value(self, series: str) -> float | None:
        """Return a sample as a scrape shows it."""
        self.gauges.refresh()
        lines = self.exposition.render("")[0].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"dnsfilter_{series} ")), None)


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> World:
    clock.now = 0.0
    return World(tmp_path)


@pytest.fixture
def value(world: World) -> Callable[[str], float | None]:
    return world.value


def test_phase_follows_the_clock(clock: Clock, value: Callable[[str], float | None]) -> None:
    """A phase is 1 from its date on, and its date is shown."""
    deadline = value('policy_deadline_timestamp_seconds{phase="enforce",policy="order"}')
    assert deadline
    for now, expected in ((deadline - 1, 0), (deadline, 1)):
        clock.now = now
        assert value('policy_phase{phase="enforce",policy="order"}') == expected
    assert value('policy_phase{phase="warn",policy="order"}') == 0


def test_lists_and_their_age(clock: Clock, value: Callable[[str], float | None]) -> None:
    """Entries come from the snapshot, the age grows, and is never negative."""
    assert value('blocklist_entries{blocklist="tiktok"}') == 2
    for now, age in ((-5.0, 0.0), (60.0, 60.0)):
        clock.now = now
        assert value('blocklist_age_seconds{blocklist="tiktok"}') == age


def test_what_workers_report(world: World, clock: Clock, value: Callable[[str], float | None]) -> None:
    """Caches are summed, the oldest generation is shown, an upstream is up if any worker reaches it."""
    for source, entries, generation, is_up in (("worker-0", 10.0, 7.0, 0.0), ("worker-1", 5.0, 6.0, 1.0)):
        reported = {("cache_entries",): entries, ("snapshot_generation",): generation, ("upstream_up", "u"): is_up}
        list(world.accounts.settle(Batch(source, "1", {}, reported), clock.now))
    assert value("workers_alive") == 2
    assert value("cache_entries") == 15
    assert value("snapshot_generation") == 6
    assert value('upstream_up{upstream="u"}') == 1
    clock.now = 60.0
    assert value("workers_alive") == 0
    assert value('upstream_up{upstream="u"}') is None


def test_what_the_store_reports(world: World, value: Callable[[str], float | None], tmp_path: Path) -> None:
    """Devices are zero until the store speaks; a new snapshot does not forget what it said."""
    series = 'devices{{app="tiktok",group="managed",standing="{}"}}'
    assert value(series.format("confirmed")) == 0
    flagged = [("tiktok", "d-1", "confirmed", "managed")]
    world.gauges.show(Report({("tiktok", "confirmed", "managed"): 3}, flagged, 1_700.0))
    assert world.value("retention_last_run_timestamp_seconds") == 1_700.0
    world.gauges.adopt(publish_world(tmp_path, "warn", generation=8))
    assert value(series.format("confirmed")) == 3
    assert value(series.format("suspected")) == 0
    assert value('device_standing_info{app="tiktok",device="d-1",group="managed",standing="confirmed"}') == 1


def test_reloads(world: World, value: Callable[[str], float | None]) -> None:
    """A failed reload shows, and leaves the time of the last one that took effect."""
    world.gauges.reload(is_successful=True, at=100.0)
    world.gauges.reload(is_successful=False, at=200.0)
    assert value("last_reload_successful") == 0
    assert value("last_reload_timestamp_seconds") == 100


def test_lists_that_could_not_be_loaded(world: World, value: Callable[[str], float | None], tmp_path: Path) -> None:
    """Each list has its series from the start; a refused one stays so until a reload takes effect, whoever fetches."""
    series = 'blocklist_last_load_successful{{blocklist="{}"}}'
    assert value(series.format("tiktok")) == 1
    world.gauges.reload(is_successful=False, at=200.0, refused=["tiktok", "added"])
    world.gauges.reload(is_successful=False, at=201.0)
    assert (value(series.format("tiktok")), value(series.format("added"))) == (0, 0)
    world.gauges.show_fetched("tiktok", is_successful=False)
    world.gauges.adopt(publish_world(tmp_path, "warn", generation=8))
    world.gauges.reload(is_successful=True, at=300.0)
    assert (value(series.format("tiktok")), value(series.format("added"))) == (0, None)
    world.gauges.show_fetched("gone", is_successful=False)
    world.gauges.show_fetched("tiktok", is_successful=True)
    assert (value(series.format("tiktok")), value(series.format("gone"))) == (1, None)
