"""What comes into force is in the audit: once, with what changed and by whom."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.process.chronicle import ACTION, RELOAD, note
from dnsfilter.store.audit import HEADS_FILE, find_last, verify
from dnsfilter.store.database import open_store
from tests.fakes.published import publish_world


def world(state: Path, **settings: Any) -> Snapshot:
    """Return a world whose store is a file of its own."""
    return publish_world(state, store={"url": f"sqlite:///{state / 'dnsfilter.db'}"}, **settings)


def last(state: Path) -> Any:
    """Return the latest entry, after the audit was found intact."""
    engine = open_store(f"sqlite:///{state / 'dnsfilter.db'}")
    with engine.connect() as connection:
        assert verify(connection, state / HEADS_FILE) == []
        found = find_last(connection, ACTION)
    engine.dispose()
    return found


def test_only_changes_are_noted(tmp_path: Path) -> None:
    """The first start is noted whole, the same again is not, whoever runs it."""
    first = world(tmp_path)
    assert note(first, "alice")
    assert not note(replace(first, generation=2, created=9.0), RELOAD)
    entry = last(tmp_path)
    assert (entry.number, entry.actor, entry.subject) == (1, "alice", "configuration")
    assert entry.details["changed"]["lists"] == ["+tiktok"]


def test_what_changed(tmp_path: Path) -> None:
    """Keys, lists and exceptions that came, went or are others are named, and the files that somebody wrote."""
    exception = {"name": "press.tiktok.com", "reason": "press office", "groups": ["plain"]}
    note(
        world(tmp_path, allow=[exception, {"name": "old.example", "reason": "r"}], timezone="Europe/Brussels"), "alice"
    )
    later = world(
        tmp_path, allow=[{**exception, "ticket": "T-1"}, {"name": "new.example", "reason": "r"}], canaries=False
    )
    shorter = replace(later.lists[0], rules=later.lists[0].rules[:1])
    assert note(replace(later, lists=(shorter,)), RELOAD, [tmp_path / "own.yaml"])
    entry = last(tmp_path)
    assert entry.actor == RELOAD
    assert entry.details["files"] == [str(tmp_path / "own.yaml")]
    assert entry.details["changed"] == {
        "keys": ["~allow", "+canaries", "-timezone"],
        "lists": ["~tiktok"],
        "exceptions": ["+new.example", "-old.example", "~press.tiktok.com plain"],
    }
    assert "press office" not in str(entry.details)


def test_a_store_that_fails(tmp_path: Path, caplog: Any) -> None:
    """Where the audit cannot be written one line says so, and nothing else happens."""
    broken = publish_world(tmp_path, store={"url": f"sqlite:///{tmp_path / 'nowhere' / 'x' / 'dnsfilter.db'}"})
    (tmp_path / "nowhere").write_text("a file, not a directory")
    assert not note(broken, "alice")
    assert "not in the audit" in caplog.text
