"""The only upstream stops for a while, as a frozen machine does, and goes on."""

import signal
import time

from tests.faults.load import SERVFAIL, Record, Sample, Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.programs import start_upstream

NO_REACHABLE_AUTHORITY = 22
STREAMS = [
    Stream("blocked", "blocked.example", 100),
    Stream("cached", "c#.cached.example", 100, 50),
    Stream("miss", "m#.new.example", 300),
]


def is_answered(each: Record) -> bool:
    """Whether a miss got data, or SERVFAIL that says why."""
    return each.rcode == 0 or (each.rcode == SERVFAIL and each.error == NO_REACHABLE_AUTHORITY + 1)


def find_recovery(misses: Sample, thawed: float) -> float:
    """Return the milliseconds after which every further miss is resolved within half a second."""
    bad = [each.sent for each in misses.between(thawed) if not each.is_resolved or each.latency > 500_000]
    first = min((each.sent for each in misses.between(thawed)), default=0)
    return (max(bad) - first) / 1000 if bad else 0.0


def run(trial: Trial) -> list[Measure]:
    """Freeze the upstream for 14 seconds at 500 queries a second."""
    upstream = start_upstream(trial.processes, trial.directory)
    server = trial.start(upstream.address)
    trial.warm(server.port, STREAMS)
    load = trial.load(server.port, STREAMS)
    time.sleep(trial.choose(5, 1))
    frozen = time.monotonic()
    upstream.running.send(signal.SIGSTOP)
    time.sleep(trial.choose(14, 2.2))
    thawed = time.monotonic()
    upstream.running.send(signal.SIGCONT)
    time.sleep(trial.choose(5, 1.5))
    result = load.end()
    near, misses = result.of("blocked", "cached"), result.of("miss")
    before, during = near.between(frozen - 4, frozen), near.between(frozen, thawed)
    waiting = misses.between(frozen, thawed - 1.6)
    return [
        count("cached and blocked lost", near.lost),
        milliseconds("their p99 more than before", during.milliseconds(0.99) - before.milliseconds(0.99), 1),
        count("misses unanswered or without EDE 22", waiting.count(lambda each: not is_answered(each))),
        count("misses lost", waiting.lost),
        milliseconds("longest miss", waiting.milliseconds(), 1500),
        milliseconds("recovered after", find_recovery(misses, thawed), 250),
    ]


ROW = Row(
    "frozen",
    "upstream frozen for 14 s, 100 cached and 300 new queries/s",
    "cached and blocked p99 within 1 ms of before; misses answered (stale, or SERVFAIL with EDE 22) in <= 1.5 s; "
    "recovery <= 250 ms",
    run,
)
