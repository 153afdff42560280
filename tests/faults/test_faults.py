"""Short versions of the faults, done to dnsfilter: what a busy machine cannot change is held."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import limits
from tests.faults.__main__ import ROWS
from tests.faults.load import LOST, Record
from tests.faults.measures import SUBJECTS, Measure, Row, Trial, count, find_missed
from tests.faults.programs import ECHO
from tests.faults.reload import count_mixes
from tests.faults.servers import wait_for
from tests.processes import Processes

SINKHOLE = 0xC0000242


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row not in limits.ROWS], ids=lambda row: row.name)
def test_keeps_working(row: Row, processes: Processes, tmp_path: Path, require_program: Callable[..., str]) -> None:
    """Under each fault nothing is lost, poisoned, mixed, asked twice or counted backwards."""
    require_program("gcc", "gcc")
    assert find_missed(row, processes, tmp_path) == []


@pytest.mark.parametrize("server", [name for name in SUBJECTS if name != "dnsfilter"])
def test_the_others_are_set_up(server: str, processes: Processes, tmp_path: Path) -> None:
    """Each of the others starts, forwards, blocks what is listed and takes a new list."""
    subject = Trial(server, processes, tmp_path, is_short=True).start()
    assert wait_for(lambda: subject.is_blocked("blocked.example"), 10) < 10
    assert not subject.is_blocked("later.example")
    subject.write_names(["later.example"])
    subject.reload()
    assert wait_for(lambda: subject.is_blocked("later.example"), 10) < 10


def answer(sent: int, latency: int, address: int, socket: int = 0, rcode: int = 0) -> Record:
    return Record(sent, latency, 0, address, 0, socket, rcode, 1, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "mixes"),
    [
        ([(0, ECHO)], [(5, SINKHOLE)], 0),
        ([(0, SINKHOLE), (50, ECHO)], [(5, ECHO), (60, SINKHOLE)], 0),
        ([(0, SINKHOLE), (70, SINKHOLE)], [(50, SINKHOLE)], 1),
        ([(52, SINKHOLE)], [(50, SINKHOLE)], 0),
    ],
    ids=["both new", "old, then new", "old after new", "asked before the first new answer was there"],
)
def test_tells_a_mix(old: list[tuple[int, int]], new: list[tuple[int, int]], mixes: int) -> None:
    """Old rules seen by who had been answered by new ones before it asked are a mix."""
    makes = [[answer(sent, 10, address) for sent, address in each] for each in (old, new)]
    assert count_mixes(*makes) == mixes


def test_a_lost_query_is_no_mix() -> None:
    """No answer tells nothing of rules."""
    assert count_mixes([answer(70, 0, 0, rcode=LOST)], [answer(50, 10, SINKHOLE)]) == 0


def test_a_figure_and_its_bar() -> None:
    """A figure says what it is, its unit and its bar, and whether it keeps to it."""
    assert str(Measure("p99", 4.5, 5, "ms")) == "p99 4.5 ms (<= 5)"
    assert str(count("answered", 12_000, None)) == "answered 12,000"
    assert not count("lost", 1).is_met
    assert count("answered", 1, None).is_met
