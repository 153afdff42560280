"""The audit: whatever is done to it shows."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from dnsfilter.errors import StoreError
from dnsfilter.store import audit as module
from dnsfilter.store.audit import append, audited, current_actor, list_entries, verify
from dnsfilter.store.database import open_for_reading, open_store
from dnsfilter.store.schema import audit
from tests.fakes.postgresql import SQLITE_ONLY
from tests.fakes.sightings import NOON

APPEND_FOREVER = """
import sys
from pathlib import Path
from dnsfilter.store.audit import append, audited
from dnsfilter.store.database import open_store
engine = open_store(sys.argv[1])
while True:
    with audited(engine, Path(sys.argv[2])) as connection:
        append(connection, time=1, actor="a", action="clear", subject="d-1", details={"reason": "r"})
    print(flush=True)
"""

Rows = list[dict[str, Any]]


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """Return where the heads are kept."""
    return tmp_path / "state" / "audit.heads"


def add(engine: Engine, heads: Path, number: int = 1, **details: str) -> None:
    """Append entries, each in a transaction of its own."""
    for index in range(number):
        with audited(engine, heads) as connection:
            append(connection, time=NOON + index, actor="alice", action="reveal", subject=f"d-{index}", details=details)


def findings(engine: Engine, heads: Path) -> list[str]:
    """Return what verification finds."""
    with engine.connect() as connection:
        return [finding.message for finding in verify(connection, heads)]


def read(connection: Connection) -> Rows:
    """Return the rows of the table as they are."""
    return [dict(row) for row in connection.execute(select(audit).order_by(audit.c.number)).mappings()]


def replace(engine: Engine, rows: Rows) -> None:
    """Put other rows in place of all."""
    with engine.begin() as connection:
        connection.execute(delete(audit))
        if rows:
            connection.execute(insert(audit), rows)


def forge(rows: Rows) -> Rows:
    """Give rows new numbers and compute each digest, as somebody would who knows this program."""
    previous = "0" * 64
    forged = []
    for number, row in enumerate(rows, 1):
        content = (number, *(row[name] for name in ("time", "actor", "action", "subject", "details")))
        previous = module._digest(previous, content)
        forged.append({**row, "number": number, "digest": previous})
    return forged


def test_keeps_what_was_appended(engine: Engine, heads: Path) -> None:
    """Entries come back in order with everything in them, and the chain verifies; so does one without any."""
    assert findings(engine, heads) == []
    add(engine, heads, 2, reason="müller's \0 request")
    with engine.connect() as connection:
        listed = list(list_entries(connection))
    assert [(entry.number, entry.time, entry.subject) for entry in listed] == [(1, NOON, "d-0"), (2, NOON + 1, "d-1")]
    assert {(entry.actor, entry.action, entry.details["reason"]) for entry in listed} == {
        ("alice", "reveal", "müller's \0 request")
    }
    assert findings(engine, heads) == []


def test_a_store_from_before_has_an_empty_audit(engine: Engine, heads: Path) -> None:
    """A store without the table lists nothing and verifies."""
    with engine.begin() as connection:
        audit.drop(connection)
    with engine.connect() as connection:
        assert list(list_entries(connection)) == []
    assert findings(engine, heads) == []


def test_heads_are_private(engine: Engine, heads: Path) -> None:
    """Only the owner may read or write the heads."""
    add(engine, heads)
    assert stat.S_IMODE(heads.stat().st_mode) == 0o600


@pytest.mark.parametrize("column", [column.name for column in audit.columns])
def test_finds_an_edit_of_any_column(engine: Engine, heads: Path, column: str) -> None:
    """No column of any entry, the digest included, can be changed unseen."""
    add(engine, heads, 3)
    for number in (1, 2, 3):
        with engine.begin() as connection:
            before = read(connection)
            old = before[number - 1][column]
            new = old + 7 if isinstance(old, int) else f"x{old[1:]}"
            connection.execute(update(audit).where(audit.c.number == number).values({column: new}))
        assert findings(engine, heads)
        replace(engine, before)
        assert findings(engine, heads) == []


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda rows: rows[1:], "entries 1 to 1 are missing"),
        (lambda rows: [rows[0], *rows[3:]], "entries 2 to 3 are missing"),
        (lambda rows: rows[:2], "entries 3 to 4 are missing at the end"),
        (lambda rows: rows[:0], "entries 1 to 4 are missing at the end"),
        (lambda rows: forge(rows[1:]), "entry 1 is not the one that was anchored"),
        (lambda rows: forge([*rows[:3], {**rows[3], "actor": "bob"}]), "entry 4 is not the one that was anchored"),
        (lambda rows: [rows[0], {**rows[1], "time": 0}, *rows[2:]], "entry 2 was changed, or does not follow"),
    ],
)
def test_says_what_was_done(engine: Engine, heads: Path, tamper: Callable[[Rows], Rows], message: str) -> None:
    """A finding names the entries that it concerns, also where the whole chain was computed anew."""
    add(engine, heads, 4)
    with engine.connect() as connection:
        rows = read(connection)
    replace(engine, tamper(rows))
    assert any(finding.startswith(message) for finding in findings(engine, heads))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path, Rows]]:
    """Return a chain of eight entries that differ."""
    directory = tmp_path_factory.mktemp("audit")
    engine = open_store(f"sqlite:///{directory}/s.db")
    add(engine, directory / "heads", 8)
    with engine.connect() as connection:
        rows = read(connection)
    yield engine, directory / "heads", rows
    engine.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_finds_everything(filled: tuple[Engine, Path, Rows], data: st.DataObject) -> None:
    """Any other choice, order or content of the entries is found, whether or not numbers and digests were forged."""
    engine, heads, rows = filled
    kept = data.draw(st.lists(st.sampled_from(rows), unique_by=lambda row: row["number"]))
    if data.draw(st.booleans()) and kept:
        place = data.draw(st.integers(0, len(kept) - 1))
        kept = [*kept[:place], {**kept[place], "details": data.draw(st.text(max_size=5))}, *kept[place + 1 :]]
    rewritten = forge(kept) if data.draw(st.booleans()) else _renumber(kept, data)
    if rewritten == rows:
        return
    replace(engine, rewritten)
    assert findings(engine, heads)
    replace(engine, rows)
    assert findings(engine, heads) == []


def _renumber(rows: Rows, data: st.DataObject) -> Rows:
    """Leave the digests, and let the order stand in new numbers or only in the table."""
    if data.draw(st.booleans()):
        return [{**row, "number": number} for number, row in enumerate(rows, 1)]
    return sorted(rows, key=lambda row: int(row["number"]))


def test_heads_that_were_touched(engine: Engine, heads: Path) -> None:
    """Heads that are gone, or hold what is no head, are a finding; heads that cannot be read are an error."""
    add(engine, heads, 2)
    whole = heads.read_text()
    heads.write_text(whole + "nonsense\n")
    assert findings(engine, heads) == [f"{heads}:4: 'nonsense' is no end of a chain"]
    heads.unlink()
    assert findings(engine, heads) == [f"{heads} knows no end of this chain"]
    heads.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        findings(engine, heads)


def test_a_store_that_is_gone(engine: Engine, heads: Path) -> None:
    """Where there is no store there is nothing to find, unless the heads know of entries."""
    assert verify(None, heads) == []
    add(engine, heads, 2)
    assert [finding.message for finding in verify(None, heads)] == ["entries 1 to 2 are missing at the end"]


def test_nothing_happens_without_heads(engine: Engine, heads: Path) -> None:
    """Where the heads cannot be written, the transaction does not begin."""
    heads.mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written"):
        add(engine, heads)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(audit)) == 0


def test_belongs_to_the_transaction(engine: Engine, heads: Path) -> None:
    """An entry is there when its transaction is, and leaves no trace when that is rolled back."""
    add(engine, heads)
    with audited(engine, heads) as connection:
        append(connection, time=NOON, actor="a", action="b", subject="c", details={})
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    with engine.connect() as connection:
        assert len(list(list_entries(connection))) == 1
    assert findings(engine, heads) == []


def test_several_append_at_once(url: str, engine: Engine, heads: Path) -> None:
    """Writers that know nothing of each other make one chain."""

    def work(_: int) -> None:
        own = open_store(url)
        add(own, heads, 10)
        own.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with engine.connect() as connection:
        assert [entry.number for entry in list_entries(connection)] == list(range(1, 41))
    assert findings(engine, heads) == []


@pytest.mark.slow
def test_survives_kills(url: str, engine: Engine, heads: Path) -> None:
    """Processes that are killed while they append leave a chain that verifies, without any entry they had reported."""
    reported = 0
    for round_ in range(10):
        writers = [
            subprocess.Popen([sys.executable, "-c", APPEND_FOREVER, url, str(heads)], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for writer in writers:
            assert writer.stdout
            writer.stdout.readline()
        time.sleep(0.02 + 0.013 * round_)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            reported += 1 + writer.communicate()[0].count("\n")
        assert findings(engine, heads) == []
    with engine.connect() as connection:
        assert len(list(list_entries(connection))) >= reported


def test_reading_needs_no_writing(url: str, engine: Engine, heads: Path) -> None:
    """Verification works on a store that is open for reading, and changes nothing."""
    add(engine, heads)
    before = heads.read_bytes()
    reader = open_for_reading(url)
    assert reader
    assert findings(reader, heads) == []
    assert heads.read_bytes() == before
    reader.dispose()


@SQLITE_ONLY
def test_is_durable(engine: Engine, heads: Path) -> None:
    """An entry is synchronised to the disk, as its head is; other transactions are not slowed by that."""
    with audited(engine, heads) as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 1


def test_the_actor_is_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor is whose command it is, whatever the environment says; behind sudo who called it; else a number."""
    monkeypatch.setattr(os, "getuid", lambda: 65_534)
    monkeypatch.setenv("LOGNAME", "mallory")
    monkeypatch.setenv("SUDO_USER", "bob")
    assert current_actor() == "nobody"
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert current_actor() == "bob"
    monkeypatch.setattr(os, "getuid", lambda: 4_242_424)
    assert current_actor() == "uid 4242424"
