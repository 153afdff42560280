"""Erasing one device."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from dnsfilter.errors import StoreError
from dnsfilter.store import database
from dnsfilter.store.database import open_store, sqlite_path
from dnsfilter.store.erasure import erase_device, scrub
from dnsfilter.store.schema import devices, metadata, sightings
from dnsfilter.store.sightings import record
from tests.fakes.postgresql import SQLITE_ONLY
from tests.fakes.sightings import NOON, attributed, sighting

GONE, STAYS = "d-gonegonegonegone", "d-staystaystaysta"


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Return a store with two devices of many sightings."""
    with engine.begin() as connection:
        for device in (GONE, STAYS):
            record(connection, [attributed(sighting("a", time=NOON + 60 * n), device) for n in range(1_000)])
    return engine


def content(url: str) -> bytes:
    """Return all octets of the files of a SQLite store."""
    path = sqlite_path(url)
    assert path
    return b"".join(Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal") if Path(f"{path}{suffix}").exists())


def test_erases_from_every_table(filled: Engine) -> None:
    """No table that knows devices keeps a row of it, and no other device loses one."""
    with filled.begin() as connection:
        erased = erase_device(connection, GONE)
        assert (erased["devices"], erased["sightings"]) == (1, 1_000)
        for table in metadata.sorted_tables:
            if "device" in table.columns:
                assert connection.execute(select(table).where(table.c.device == GONE)).first() is None
        assert len(connection.execute(select(sightings)).all()) == 1_000
        assert connection.scalar(select(devices.c.device)) == STAYS


@SQLITE_ONLY
def test_scrubbing_leaves_nothing(filled: Engine, url: str) -> None:
    """Neither the database file nor its log holds an octet of the pseudonym, which is there before."""
    assert GONE.encode() in content(url)
    with filled.begin() as connection:
        erase_device(connection, GONE)
    scrub(filled)
    assert GONE.encode() not in content(url)
    assert STAYS.encode() in content(url)


def test_says_when_others_do_not_let_it(filled: Engine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that holds an old state of the store is waited for, then told of."""
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 50)
    impatient = open_store(url)
    with filled.connect() as reader:
        if reader.dialect.name == "sqlite":
            reader.exec_driver_sql("BEGIN")
        reader.execute(select(devices)).all()
        with pytest.raises(StoreError, match="until those who read it end"):
            scrub(impatient)
    scrub(impatient)
    impatient.dispose()
