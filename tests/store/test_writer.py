"""The writer: what is put in is stored, whatever happens to the store meanwhile."""

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from dnsfilter.model import Standing
from dnsfilter.sample import DAY, TOTAL, SampledNames
from dnsfilter.store import writer as module
from dnsfilter.store.court import Court
from dnsfilter.store.database import open_store
from dnsfilter.store.devices import find_device
from dnsfilter.store.parcels import Parcel
from dnsfilter.store.sample import read_sample
from dnsfilter.store.schema import sightings
from dnsfilter.store.sightings import Attributed
from dnsfilter.store.writer import Report, Writer
from tests.fakes.postgresql import SQLITE_ONLY
from tests.fakes.sightings import NOON, attributed, sighting
from tests.processes import wait_until


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATHER_SECONDS", "RETRY_SECONDS", "REPORT_SECONDS"):
        monkeypatch.setattr(module, name, 0.02)


@pytest.fixture
def reports() -> list[Report]:
    return []


@pytest.fixture
def writer(url: str, reports: list[Report]) -> Iterator[Writer]:
    """Make a writer that ends with the test."""
    made = Writer(url, reports.append, Court(lambda _: None))
    made.limit(10.0**10, 10)
    yield made
    made.stop(5)


def count(url: str) -> int:
    """Return how many rows of sightings are stored."""
    engine = open_store(url)
    with engine.connect() as connection:
        number = connection.scalar(select(func.count()).select_from(sightings))
    engine.dispose()
    return int(number or 0)


_numbers = itertools.count(1)


def put(writer: Writer, entries: list[Attributed], number: int = 0) -> None:
    """Put sightings in as those of one worker."""
    writer.put(Parcel("worker-0 1", number or next(_numbers), entries))


def test_stores_and_reports(writer: Writer, url: str, reports: list[Report]) -> None:
    """What is put in is in the store after the end, and the report tells of it."""
    writer.start()
    put(writer, [attributed(sighting("a")), attributed(sighting("b"))])
    wait_until(lambda: reports and reports[-1].flagged, "reported")
    assert reports[-1].standings == {("tiktok", "confirmed", "corporate"): 1}
    assert reports[-1].flagged == [("tiktok", "d-1", "confirmed", "corporate")]
    put(writer, [attributed(sighting("c"), f"d-{number}") for number in range(100)])
    writer.stop(5)
    assert count(url) == 102
    assert writer.take_dropped() == 0


def test_what_comes_again_is_stored_once(writer: Writer, url: str) -> None:
    """A parcel that is repeated is known, also to a writer that opens the store later; the next one is stored."""
    first, second = [attributed(sighting("a", count=3))], [attributed(sighting("b"))]
    later = Writer(url, lambda _: None, Court(lambda _: None))
    later.limit(10.0**10, 10)
    for each in (writer, later):
        each.start()
        put(each, first, 1)
        put(each, first, 1)
        each.stop(5)
    assert total(url) == 3
    last = Writer(url, lambda _: None, Court(lambda _: None))
    last.limit(10.0**10, 10)
    last.start()
    put(last, first, 1)
    put(last, second, 2)
    last.stop(5)
    assert total(url) == 4


def total(url: str) -> int:
    """Return how many sightings are stored."""
    engine = open_store(url)
    with engine.connect() as connection:
        number = connection.scalar(select(func.sum(sightings.c.count)))
    engine.dispose()
    return int(number or 0)


def test_the_sample(writer: Writer, url: str) -> None:
    """Names are counted under today; once nothing is to be kept of them, they go."""
    writer.limit(10.0**10, 10, 7 * DAY)
    writer.start()
    for _ in range(2):
        writer.put_names({"a.example": 2, TOTAL: 5})
        wait_until(lambda: stored_sample(url).total, "written")
    wait_until(lambda: stored_sample(url) == SampledNames(10, {"a.example": 4}, 1), "added")
    writer.stop(5)
    other = Writer(url, lambda _: None, Court(lambda _: None))
    other.limit(10.0**10, 10)
    other.start()
    wait_until(lambda: stored_sample(url) == SampledNames(0, {}, 0), "forgotten")
    other.stop(5)


def stored_sample(url: str) -> SampledNames:
    """Return the sample that is stored."""
    engine = open_store(url)
    with engine.connect() as connection:
        found = read_sample(connection)
    engine.dispose()
    return found


def test_the_oldest_is_dropped_and_counted(writer: Writer, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that is full drops the oldest, says how many, and never makes anybody wait."""
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    for number in range(25):
        put(writer, [attributed(sighting(), f"d-{number:02}")])
    assert (writer.take_dropped(), writer.take_dropped()) == (15, 0)
    writer.start()
    writer.stop(5)
    engine = open_store(url)
    with engine.connect() as connection:
        assert find_device(connection, "d-14") is None
        assert find_device(connection, "d-15") is not None
    engine.dispose()


@SQLITE_ONLY
def test_a_locked_store_is_waited_for(
    writer: Writer, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While somebody else holds the store sightings wait, then all of them are written; two lines tell of it."""
    monkeypatch.setattr("dnsfilter.store.database.BUSY_MILLISECONDS", 10)
    caplog.set_level(logging.WARNING)
    other = open_store(url)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        writer.start()
        put(writer, [attributed(sighting())])
        wait_until(lambda: "locked" in caplog.text, "noticed")
        connection.rollback()
    other.dispose()
    wait_until(lambda: "works again" in caplog.text, "recovered")
    assert count(url) == 1
    assert len(caplog.records) == 2


@SQLITE_ONLY
def test_a_damaged_store_is_set_aside(
    writer: Writer, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is no database is kept under another name, and a new one takes the sightings."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "dnsfilter.db").write_bytes(b"no database" * 1_000)
    writer.start()
    put(writer, [attributed(sighting())])
    wait_until(lambda: list((tmp_path / "store").glob("*.corrupt-*")), "set aside")
    writer.stop(5)
    assert count(url) == 1
    assert "not a database" in caplog.text


def test_a_sighting_that_cannot_be_stored_stops_nothing(writer: Writer, url: str) -> None:
    """What the store refuses is dropped and counted; what comes after it is stored."""
    writer.start()
    put(writer, [attributed(sighting("\ud800"))])
    dropped = []
    wait_until(lambda: dropped.append(writer.take_dropped()) or sum(dropped), "dropped")
    put(writer, [attributed(sighting())])
    writer.stop(5)
    assert (sum(dropped), count(url)) == (1, 1)


def test_old_sightings_are_swept(writer: Writer, url: str, reports: list[Report]) -> None:
    """The retention is kept from the first moment on, and the report says when."""
    engine: Engine = open_store(url)
    with engine.begin() as connection:
        module.record(connection, [attributed(sighting(time=NOON))])
    engine.dispose()
    writer.limit(86_400.0, 10)
    writer.start()
    wait_until(lambda: count(url) == 0, "swept")
    wait_until(lambda: reports and abs(reports[-1].swept - time.time()) < 60, "reported")


def test_ends_though_the_store_does_not_work(tmp_path: Path) -> None:
    """A writer whose store cannot be opened ends when it is told to."""
    (tmp_path / "file").touch()
    made = Writer(f"sqlite:///{tmp_path}/file/x.db", lambda _: None, Court(lambda _: None))
    made.start()
    put(made, [attributed(sighting())])
    made.stop(5)
    assert threading.active_count() == 1 or not made._thread.is_alive()


def test_a_report_has_gravity(writer: Writer, reports: list[Report]) -> None:
    """A device that is merely suspected is flagged too."""
    writer.start()
    put(writer, [attributed(sighting("a"))])
    wait_until(lambda: reports and reports[-1].flagged, "reported")
    assert reports[-1].flagged[0][2] == Standing.SUSPECTED
