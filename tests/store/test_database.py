"""Opening a store, and telling its failures apart."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.schema import CreateTable

from dnsfilter.errors import StoreError
from dnsfilter.store.database import (
    CHUNK,
    ROWS_AT_ONCE,
    Failure,
    classify,
    find_rows,
    open_for_reading,
    open_store,
    reason,
    set_aside,
    shown,
    sqlite_path,
    upsert,
)
from dnsfilter.store.schema import VERSION, metadata, schema_version, sightings, signals
from tests.fakes.postgresql import SQLITE_ONLY

READ = """
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1]).execute("select version from schema_version").fetchone())
"""


@SQLITE_ONLY
def test_who_reads_and_goes_takes_nothing_away(url: str) -> None:
    """A process that opens a store twice keeps its locks: others that read meanwhile leave the WAL where it is."""
    path = str(sqlite_path(url))

    def read() -> str:
        return subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=True).stdout

    first = open_store(url)
    with first.connect() as connection:
        connection.execute(select(schema_version.c.version))
        second = open_store(url)
        second.dispose()
        before = read()
        connection.execute(update(schema_version).values(version=99))
        connection.commit()
        assert (int(before), int(read())) == (VERSION, 99)
    first.dispose()


@SQLITE_ONLY
def test_opens_privately_and_again(url: str) -> None:
    """A new store is readable by its owner alone, in WAL mode, and opens a second time."""
    for _ in range(2):
        engine = open_store(url)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        engine.dispose()
    path = sqlite_path(url)
    assert path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_store_of_another_version_is_refused(url: str) -> None:
    """Neither writer nor reader touches what another version wrote."""
    engine = open_store(url)
    with engine.begin() as connection:
        connection.execute(update(schema_version).values(version=99))
    engine.dispose()
    for use in (open_store, open_for_reading):
        with pytest.raises(StoreError, match="schema version 99"):
            use(url)


@SQLITE_ONLY
def test_nothing_to_read_yet(url: str, tmp_path: Path) -> None:
    """A store that nobody has begun is no error, and reading does not begin it."""
    assert open_for_reading(url) is None
    assert not (tmp_path / "store").exists()
    (tmp_path / "empty.db").touch()
    assert open_for_reading(f"sqlite:///{tmp_path}/empty.db") is None


@pytest.mark.parametrize("url", ["postgresql+nosuchdriver://user:secret@db/x", "nonsense"])
def test_a_url_that_cannot_work(url: str) -> None:
    """A URL without a driver is one error, which does not show the password."""
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in shown(url)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A place where no file can be is one error with the path."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path}/file/dnsfilter.db")


@SQLITE_ONLY
def test_damage_is_recognised(url: str) -> None:
    """A file that is no database calls for a new one; reading it is an error with a reason."""
    path = sqlite_path(url)
    assert path
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(DatabaseError) as caught:
        open_store(url)
    assert classify(caught.value) is Failure.DAMAGED
    with pytest.raises(StoreError, match="not a database"):
        open_for_reading(url)
    aside = set_aside(url, 7.0)
    assert aside
    assert aside.name == "dnsfilter.db.corrupt-7"
    assert not path.exists()
    open_store(url).dispose()


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked")), Failure.AGAIN),
        (StoreError("x"), Failure.AGAIN),
        (OSError(28, "No space left on device"), Failure.AGAIN),
        (DBAPIError("INSERT", {}, sqlite3.IntegrityError("NOT NULL constraint failed")), Failure.REFUSED),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), Failure.REFUSED),
    ],
)
def test_failures_are_told_apart(error: Exception, failure: Failure) -> None:
    """What passes by itself is tried again; what never will is given up."""
    assert classify(error) is failure
    assert "INSERT" not in reason(error)


def test_upsert(engine: Engine) -> None:
    """A row whose key exists is replaced, added to, or kept, as asked for."""
    row = (1, *["x"] * 8)
    with engine.begin() as connection:
        upsert(connection, signals, [])
        upsert(connection, signals, [row])
        upsert(connection, signals, [(1, "x", "x", "y", *["x"] * 5)], keep=True)
        assert connection.scalar(select(signals.c.rule)) == "x"
        upsert(connection, signals, [(1, "x", "x", "y", *["x"] * 5)])
        assert connection.scalar(select(signals.c.rule)) == "y"


@pytest.mark.parametrize("number", [1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 3])
def test_many_rows(engine: Engine, number: int) -> None:
    """However many rows are written at once, each is there, and is added to when all come again."""
    rows = [(f"d-{place:04}", place, 7, place + 1) for place in range(number)]
    with engine.begin() as connection:
        for _ in range(2):
            upsert(connection, sightings, rows, add="count")
        found = connection.execute(select(sightings).order_by(sightings.c.device)).all()
    assert [tuple(row) for row in found] == [(*key, 2 * count) for *key, count in rows]


@pytest.mark.parametrize("number", [0, 1, CHUNK, CHUNK + 1])
def test_finds_rows(engine: Engine, number: int) -> None:
    """Every row with one of the values is found once, whatever their number, and no other."""
    names = [f"d-{place:04}" for place in range(number)]
    with engine.begin() as connection:
        upsert(connection, sightings, [(name, 1, 7, 1) for name in (*names, "another")])
        found = list(find_rows(connection, sightings.c.device, [*names, "nobody"]))
    assert sorted(row.device for row in found) == names


def test_the_schema_is_valid_for_postgresql() -> None:
    """Every table can be written in PostgreSQL's language too."""
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
