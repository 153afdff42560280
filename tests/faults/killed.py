"""What answers is killed, and what counts."""

import signal
import time
from collections.abc import Callable

from tests.faults.background import Background
from tests.faults.load import Result, Sample, Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.ours import Dnsfilter

STREAMS = [Stream("blocked", "blocked.example", 500), Stream("cached", "c#.cached.example", 500, 1000)]
CLIENTS = 32


class CounterWatch(Background):
    """Reads the metrics ten times a second and notes every counter that went backwards."""

    def __init__(self, read: Callable[[], dict[str, float]]) -> None:
        super().__init__()
        self.backwards: set[str] = set()
        self._read = read
        self._highest: dict[str, float] = {}

    def run(self) -> None:
        """Watch until told to end."""
        while not self.ending.wait(0.1):
            for series, value in self._read().items():
                if series.partition("{")[0].startswith("dnsfilter_") and series.partition("{")[0].endswith("_total"):
                    highest = self._highest.get(series, 0)
                    self.backwards.update([series] * (value < highest))
                    self._highest[series] = max(highest, value)


def count_in_flight(sample: Sample, killed: float) -> int:
    """Return how many of the lost were sent in the tenth of a second before the kill: those it had in its hands."""
    return sample.between(killed - 0.1, killed).lost


def run(trial: Trial) -> list[Measure]:
    """Kill a worker and later, where there is one, the manager, under load."""
    server = trial.start()
    load = trial.load(server.port, STREAMS, clients=CLIENTS)
    time.sleep(trial.choose(2, 0.5))
    if not isinstance(server, Dnsfilter):
        killed = time.monotonic()
        server.kill()
        time.sleep(trial.choose(3, 1))
        return judge(load.end(), killed)
    with CounterWatch(server.metrics) as watch:
        time.sleep(1)
        killed = time.monotonic()
        server.kill()
        time.sleep(trial.choose(4, 1))
        begin = time.monotonic()
        server.end_process(server.processes("manager")[0], signal.SIGKILL, "manager")
        time.sleep(trial.choose(4, 2))
    result = load.end()
    without_manager = result.of().between(begin)
    return [
        *judge(result, killed),
        count("lost while there was no manager", without_manager.lost),
        count("counters that went backwards", len(watch.backwards)),
    ]


def judge(result: Result, killed: float) -> list[Measure]:
    """Return what every server is measured by."""
    sample, blocked = result.of(), result.of("blocked")
    after = sample.between(killed)
    return [
        count("lost but for those in its hands", sample.lost - count_in_flight(sample, killed)),
        count("in its hands", count_in_flight(sample, killed), None),
        count("listed names resolved", blocked.count(lambda each: each.is_resolved)),
        count("SERVFAIL", sample.servfail),
        milliseconds("back within", after.milliseconds(), 1000),
    ]


ROW = Row(
    "killed",
    "kill -9 of a worker, of the manager",
    "siblings answer, back within 1 s, counters never go backwards, enforcement goes on",
    run,
)
