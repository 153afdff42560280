"""Dry runs."""

import asyncio
import stat
from pathlib import Path

import pytest

from dnsfilter.delivery import rehearsal
from dnsfilter.delivery.rehearsal import Rehearsal
from dnsfilter.outgoing.message import Fate, Message
from tests.fakes.events import message


def test_writes_instead(tmp_path: Path) -> None:
    """What would go out is a private file; a second attempt is the same file."""
    outlet = Rehearsal(tmp_path / "dry-run" / "mail", "eml", lambda _: b"content")
    assert {asyncio.run(outlet.deliver(message())).fate for _ in range(2)} == {Fate.DELIVERED}
    (file,) = (tmp_path / "dry-run" / "mail").iterdir()
    assert (file.suffix, file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (".eml", b"content", 0o600)


def test_keeps_the_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory does not grow for ever."""
    monkeypatch.setattr(rehearsal, "MAX_FILES", 3)
    outlet = Rehearsal(tmp_path, "json", lambda found: found.event.id.encode())
    for number in range(6):
        asyncio.run(outlet.deliver(message(number=number, id=f"evt_{number}", time=1_000.0 + number)))
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["evt_3", "evt_4", "evt_5"]


def test_nothing_to_write(tmp_path: Path) -> None:
    """What could not be sent either is given up for the same reason; a directory that cannot be made blocks."""

    def refuse(_: Message) -> bytes:
        raise ValueError("nobody")

    assert asyncio.run(Rehearsal(tmp_path, "eml", refuse).deliver(message())).fate is Fate.REFUSED
    (tmp_path / "file").touch()
    blocked = asyncio.run(Rehearsal(tmp_path / "file" / "x", "eml", lambda _: b"").deliver(message()))
    assert blocked.fate is Fate.BLOCKED
