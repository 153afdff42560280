"""Subscriptions are fetched when they are due, and kept when they cannot be."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.config import Configuration
from dnsfilter.process.subscriptions import FIRST_PAUSE, LONGEST_PAUSE, Subscriptions
from tests.fakes.lists import ListServer


@pytest.fixture
def server() -> Iterator[ListServer]:
    with ListServer(one="one.example\n", two="two.example\n") as serving:
        yield serving


class House:
    """Subscriptions and the directory that their copies are in."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.subscriptions = Subscriptions(state)

    def adopt(self, **urls: str | dict[str, Any]) -> None:
        """Subscribe to these lists, by name."""
        lists = [
            {"name": name, "refresh": "1h", "format": "domains", **(url if isinstance(url, dict) else {"url": url})}
            for name, url in urls.items()
        ]
        own = {"name": "own", "file": "own.txt"}
        self.subscriptions.adopt(Configuration.model_validate({"blocklists": [own, *lists]}))

    def refresh(self, now: float) -> bool:
        """Fetch what is due."""
        return asyncio.run(self.subscriptions.refresh(now))

    def copy(self, name: str) -> str:
        """Return the text of a copy."""
        return (self.state / "lists" / f"{name}.list").read_text()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_fetches_all_at_start(house: House, server: ListServer) -> None:
    """Every list with a URL is there after the first refresh, and that is a change; files of our own are left alone."""
    house.adopt(one=server.url("one"), two=server.url("two"))
    assert house.refresh(0.0)
    assert (house.copy("one"), house.copy("two")) == ("one.example\n", "two.example\n")
    assert sorted(server.hits) == [("one", 200), ("two", 200)]


def test_fetches_once_per_interval(house: House, server: ListServer) -> None:
    """Before its interval has passed a list is not asked for; then it is, each by its own."""
    house.adopt(one=server.url("one"), two={"url": server.url("two"), "refresh": "30m"})
    house.refresh(100.0)
    assert not house.refresh(100.0 + 1799)
    assert len(server.hits) == 2
    server.pages["two"] = "new.example\n"
    assert house.refresh(100.0 + 1800)
    assert server.hits[2:] == [("two", 200)]
    assert house.copy("two") == "new.example\n"
    assert house.refresh(100.0 + 3600)
    assert sorted(server.hits[3:]) == [("one", 304), ("two", 304)]


def test_a_failure_keeps_the_copy(house: House, server: ListServer, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be fetched, or is no list, changes nothing and is one line; the others go on."""
    house.adopt(one=server.url("one"), two=server.url("two"))
    house.refresh(0.0)
    del server.pages["one"]
    server.pages["two"] = "not a name\n" * 3
    assert not house.refresh(3600.0) or house.copy("two") == "two.example\n"
    assert house.copy("one") == "one.example\n"
    assert any("blocklist one not refreshed: one: " in message and "404" in message for message in caplog.messages)
    assert all("\n" not in message for message in caplog.messages)


def test_failures_are_repeated_ever_less_often(house: House, server: ListServer) -> None:
    """A list that is not there is asked for after growing pauses, at least once per interval, then as usual."""
    house.adopt(gone={"url": server.url("gone"), "refresh": "10m"})
    asked = []
    for now in range(0, 3000, 10):
        before = len(server.hits)
        assert not house.refresh(float(now))
        if len(server.hits) > before:
            asked.append(now)
    assert asked[:5] == [0, FIRST_PAUSE, 3 * FIRST_PAUSE, 7 * FIRST_PAUSE, 15 * FIRST_PAUSE]
    assert asked[-1] - asked[-2] == 600 < LONGEST_PAUSE
    server.pages["gone"] = "here.example\n"
    assert house.refresh(4000.0)
    assert not house.refresh(4599.0)
    assert house.refresh(4600.0)


def test_adopting_keeps_turns(house: House, server: ListServer) -> None:
    """After a reload lists that stayed are not fetched again, new ones are, and old ones no more."""
    house.adopt(one=server.url("one"))
    house.refresh(0.0)
    house.adopt(one=server.url("one"), two=server.url("two"))
    assert house.refresh(10.0)
    assert server.hits == [("one", 200), ("two", 200)]
    house.adopt(two=server.url("two"))
    house.refresh(7200.0)
    assert server.hits[2:] == [("two", 304)]


def test_nothing_to_fetch(house: House) -> None:
    """Without subscriptions nothing happens, and no directory is made."""
    house.adopt()
    assert not house.refresh(0.0)
    assert list(house.state.iterdir()) == []
