"""Somebody who knows port and question, but sees nothing, forges responses before the upstream's."""

import time

from tests.faults.load import Record, Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.programs import Upstream, start_upstream

FORGED = 0xC0000206
FORGERIES = 100_000
AT_ONCE = 1e9
TIMEOUT = 3.0
SECONDS = 150
ENOUGH = 10
"""Poisoned so often, a server need not show it a hundred times."""


def run(trial: Trial) -> list[Measure]:
    """Ask for names one after the other, each under 10^5 forgeries; then ask again what is cached."""
    upstream = start_upstream(trial.processes, trial.directory, FORGERIES)
    server = trial.start(upstream.address, workers=1)
    poisoned = answered = asked = 0
    longest, begin = 0.0, time.monotonic()
    wanted = trial.choose(100, 3)
    while asked < wanted and time.monotonic() - begin < SECONDS and poisoned < ENOUGH:
        first, again = (ask(trial, server.port, upstream, f"bank{asked}.forged.example") for _ in range(2))
        poisoned += FORGED in {first.address, again.address}
        answered += again.is_resolved
        longest = max(longest, float("inf") if first.is_lost else first.latency / 1000)
        asked += 1
    return [
        count("poisoned", poisoned),
        count("not resolved in the end", asked - answered),
        milliseconds("longest answer", longest),
        Measure("names not asked for, for want of time or for failing often", wanted - asked, 0),
    ]


def ask(trial: Trial, port: int, upstream: Upstream, name: str) -> Record:
    """Ask once and return what became of it, when all forgeries have been sent."""
    (record,) = trial.load(port, [Stream("victim", name, AT_ONCE, 1, 1)], timeout=TIMEOUT, clients=1).wait().of()
    upstream.take_count()
    return record


ROW = Row(
    "forged",
    "upstream replies with wrong id, address, question; near misses: 100 times 10^5 forgeries",
    "discarded, waits on; after one near miss that query moves to TCP; 0 poisonings",
    run,
)
