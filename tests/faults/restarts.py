"""Reloads and rolling restarts while queries come over UDP and TCP."""

import time
from collections import Counter
from contextlib import ExitStack

from tests.faults.load import Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.streams import Asker

STREAMS = [
    Stream("blocked", "blocked.example", 900),
    Stream("cached", "c#.cached.example", 900, 1000),
    Stream("miss", "m#.new.example", 200),
]
KEPT = 8
RELOAD_SECONDS = 0.1
RESTART_SECONDS = 0.3


def run(trial: Trial) -> list[Measure]:
    """Reload and restart under load; a query without an answer for five seconds is lost."""
    server = trial.start()
    with ExitStack() as stack:
        askers = [Asker(server.port, "c1.cached.example", 0.1, keeps=True) for _ in range(KEPT)]
        askers.append(Asker(server.port, "blocked.example", 0.02, keeps=False))
        for asker in askers:
            stack.enter_context(asker)
        load = trial.load(server.port, STREAMS)
        time.sleep(1)
        for _ in range(trial.choose(100, 5)):
            server.reload()
            time.sleep(RELOAD_SECONDS)
        for _ in range(trial.choose(20, 1)):
            server.restart()
            time.sleep(RESTART_SECONDS)
        time.sleep(1)
        sample = load.end().of()
    outcomes = sum((asker.outcomes for asker in askers), Counter[str]())
    return [
        count("lost", sample.lost),
        count("SERVFAIL", sample.servfail),
        count("TCP resets", outcomes["reset"] + outcomes["refused"]),
        count("TCP without answer", outcomes["closed"] + outcomes["silent"]),
        milliseconds("longest answer", sample.milliseconds()),
        count("answered", len(sample) - sample.lost, None),
        count("answered over TCP", outcomes["answered"], None),
    ]


ROW = Row(
    "restarts",
    "100 SIGHUPs and 20 rolling restarts at 2,000 queries/s and 130/s over TCP",
    "0 lost, 0 SERVFAIL, 0 TCP resets",
    run,
)
