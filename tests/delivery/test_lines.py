"""Events to a file and to standard output."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.delivery.lines import FileLines, StandardOutput
from dnsfilter.outgoing.message import Fate
from tests.fakes.events import message


def written(path: Path) -> list[str]:
    """Return the ids of the events in a file."""
    return [json.loads(line)["event"]["id"] for line in path.read_text().splitlines()]


def test_appends(tmp_path: Path) -> None:
    """Each event is one line; the group may read them, others not."""
    path = tmp_path / "events.json"
    outlet = FileLines(str(path))
    for number in range(3):
        assert asyncio.run(outlet.deliver(message(id=f"evt_{number}"))).fate is Fate.DELIVERED
    assert written(path) == ["evt_0", "evt_1", "evt_2"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0


def test_rotation(tmp_path: Path) -> None:
    """A file that was moved away is begun anew, without a signal."""
    path, old = tmp_path / "events.json", tmp_path / "events.json.1"
    outlet = FileLines(str(path))
    asyncio.run(outlet.deliver(message(id="evt_1")))
    path.rename(old)
    asyncio.run(outlet.deliver(message(id="evt_2")))
    assert (written(old), written(path)) == (["evt_1"], ["evt_2"])


def test_no_place(tmp_path: Path) -> None:
    """Where nothing can be written the outlet is blocked, and the reason names the file."""
    result = asyncio.run(FileLines(str(tmp_path / "missing" / "x")).deliver(message()))
    assert result.fate is Fate.BLOCKED
    assert "missing" in result.reason
    assert "No such file" in result.reason


def test_a_full_disk() -> None:
    """A device that takes no more blocks the outlet."""
    assert asyncio.run(FileLines("/dev/full").deliver(message())).reason == "/dev/full: No space left on device"


def test_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is written to whoever reads, and kept when nobody keeps up."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        results = [asyncio.run(StandardOutput().deliver(message())) for _ in range(2)]
        line: dict[str, Any] = json.loads(os.read(reading, 100_000).splitlines()[0])
        while results[-1].fate is Fate.DELIVERED:
            results.append(asyncio.run(StandardOutput().deliver(message())))
    os.close(reading)
    assert line["event"]["id"] == "evt_1"
    assert results[-1].fate is Fate.BLOCKED
    assert len(results) > 10
