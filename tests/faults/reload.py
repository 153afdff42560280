"""A list of a million names is replaced by another one under load."""

import time
from collections.abc import Iterable

from tests.faults.load import Record, Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.servers import wait_for

PROBES = 50


def make_names(number: int, generation: str) -> list[str]:
    """Return names that both generations list, and those that only this one does."""
    shared = [f"{index * 2_654_435_761 % 2**32:08x}.listed{index % 50}.example" for index in range(number)]
    return [
        *shared,
        *(f"{generation}{index}.example" for index in range(PROBES)),
        *(f"b{i}.example" for i in range(100)),
    ]


def count_mixes(old: Iterable[Record], new: Iterable[Record]) -> int:
    """Return how many answers tell of another generation than one that the same socket had before they were asked.

    A socket always reaches the same worker; the worker is in the old generation or in the new one.
    """
    switched: dict[int, int] = {}
    seen = [(each, not each.is_blocked) for each in old if not each.is_lost]
    seen += [(each, each.is_blocked) for each in new if not each.is_lost]
    for each, is_new in seen:
        if is_new:
            switched[each.socket] = min(switched.get(each.socket, each.arrived), each.arrived)
    return sum(1 for each, is_new in seen if not is_new and each.sent > switched.get(each.socket, 1 << 62))


def run(trial: Trial) -> list[Measure]:
    """Replace the list at 5,000 queries a second; the load ends when the new one has been in force for a while."""
    number, rate = trial.choose(1_000_000, 20_000), trial.choose(5_000, 1_000)
    server = trial.start(names=make_names(number, "old"))
    streams = [
        Stream("blocked", "b#.example", rate * 0.4, 100),
        Stream("cached", "c#.cached.example", rate * 0.4, 1000),
        Stream("old", "old#.example", rate * 0.1, PROBES),
        Stream("new", "new#.example", rate * 0.1, PROBES),
    ]
    load = trial.load(server.port, streams)
    server.write_names(make_names(number, "new"))
    time.sleep(1)
    before = time.monotonic()
    server.reload()
    taken = wait_for(lambda: server.is_blocked("new0.example"), trial.choose(60, 30))
    time.sleep(trial.choose(3, 1.5))
    result = load.end()
    sample = result.of().between(before)
    return [
        count("lost", result.of().lost),
        count("SERVFAIL", result.of().servfail),
        count("mixed", count_mixes(result.of("old"), result.of("new"))),
        milliseconds("p99", sample.milliseconds(0.99), 5),
        milliseconds("longest answer", sample.milliseconds(), 50),
        milliseconds("p99 before", result.of().between(0, before).milliseconds(0.99)),
        Measure("in force after", round(taken, 2), None, "s"),
    ]


ROW = Row(
    "reload",
    "reload of 1,000,000 names at 5,000 queries/s",
    "0 lost, p99 <= 5 ms, longest answer <= 50 ms, never a mix of old and new rules",
    run,
)
