"""What was counted, kept over the death of a manager."""

import json
from pathlib import Path

import pytest

from dnsfilter.journal import Batch, CounterKey
from dnsfilter.process.accounts import Accounts
from dnsfilter.process.ledger import FILE_NAME, Ledger, discard_counts

KEY = ("queries", "udp")


class Managed:
    """The part of a manager that counts; a new one on the same directory is the next manager."""

    def __init__(self, state: Path) -> None:
        self.accounts = Accounts()
        self.ledger = Ledger(state, self.accounts)
        self.ledger.open()

    def take(self, value: float, instance: str = "1", now: float = 0) -> None:
        """Take the cumulative counter of a worker's life."""
        batch = Batch("worker-0", instance, {KEY: value})
        for key, growth in self.accounts.settle(batch, now):
            self.ledger.totals[key] += growth

    @property
    def totals(self) -> dict[CounterKey, float]:
        """What would be shown."""
        return dict(self.ledger.totals)


def test_what_was_shown_is_known_to_the_next(tmp_path: Path) -> None:
    """A manager killed after it had shown a count begins with it, and adds only what is new since."""
    first = Managed(tmp_path)
    first.take(5, "a")
    first.take(7, "b")
    first.ledger.save(0)
    first.take(9, "b")
    second = Managed(tmp_path)
    assert second.totals == {KEY: 12}
    second.take(10, "b")
    assert second.totals == {KEY: 15}
    second.take(4, "c")
    assert second.totals == {KEY: 19}


def test_a_restored_process_is_not_alive(tmp_path: Path) -> None:
    """Only who has reported to this manager counts as a worker alive."""
    first = Managed(tmp_path)
    first.take(5)
    first.ledger.save(0)
    second = Managed(tmp_path)
    assert second.accounts.count_workers(0) == 0
    second.take(5)
    assert second.accounts.count_workers(0) == 1


def test_the_long_dead_are_not_kept(tmp_path: Path) -> None:
    """Who has been silent for minutes takes no room, and what it counted stays counted."""
    first = Managed(tmp_path)
    first.take(5, now=0)
    first.ledger.save(1_000)
    assert json.loads((tmp_path / FILE_NAME).read_text())["accounts"] == []
    assert Managed(tmp_path).totals == {KEY: 5}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"totals": 3}', '{"totals": [[["a"], "x"]], "accounts": []}'])
def test_a_damaged_file_is_as_none(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """It costs one line and the counts of before, and is written anew."""
    (tmp_path / FILE_NAME).write_text(content)
    managed = Managed(tmp_path)
    assert managed.totals == {}
    assert len(caplog.records) == 1
    managed.take(5)
    managed.ledger.save(0)
    assert Managed(tmp_path).totals == {KEY: 5}


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """Counting goes on."""
    managed = Managed(tmp_path / "missing")
    managed.take(5)
    managed.ledger.save(0)
    assert managed.totals == {KEY: 5}


def test_a_new_start_counts_from_zero(tmp_path: Path) -> None:
    """Discarding forgets everything, and is no error where there is nothing."""
    first = Managed(tmp_path)
    first.take(5)
    first.ledger.save(0)
    discard_counts(tmp_path)
    discard_counts(tmp_path)
    assert Managed(tmp_path).totals == {}
