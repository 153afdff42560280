"""Random names below one domain, whose servers answer or are overwhelmed, and everybody else's names."""

import time
from collections.abc import Callable, Sequence

from tests.faults.load import Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.usage import touched_megabytes

WARM_SECONDS = 1
BOTS = 64


def make_run(label: str) -> Callable[[Trial], Sequence[Measure]]:
    """Return a script whose flood the upstream treats as the label says."""

    def run(trial: Trial) -> list[Measure]:
        """Flood with 10,000 queries a second for a while."""
        server = trial.start()
        others = [Stream("cached", "c#.cached.example", 300, 300), Stream("miss", "m#.new.example", 200)]
        trial.warm(server.port, others)
        load = trial.load(server.port, [*others, Stream("blocked", "blocked.example", 100)])
        time.sleep(WARM_SECONDS)
        before = touched_megabytes(server.pids())
        random_names = Stream("flood", f"r#.{label}.example", trial.choose(10_000, 2_000))
        flood = trial.load(server.port, [random_names], 2, clients=BOTS, net=9)
        begin = time.monotonic()
        sizes = []
        while time.monotonic() - begin < trial.choose(10, 2):
            time.sleep(0.5)
            sizes.append(touched_megabytes(server.pids()))
        end = time.monotonic()
        asked = len(flood.end().of())
        result = load.end().of().between(begin, end)
        return [
            count("others lost", result.lost),
            count("others with an error", result.count(lambda each: each.rcode not in {0, 3, 255})),
            milliseconds("their p99", result.milliseconds(0.99), 5),
            Measure("memory grew by", max(sizes) - before, 100, "MB"),
            count("random names", asked, None),
        ]

    return run


ROWS = [
    Row(
        f"flood-{label}",
        f"random-subdomain flood, 10,000 queries/s, {what}",
        "other names 100 % answered, p99 <= 5 ms, memory bounded (<= 100 MB more)",
        make_run(label),
    )
    for label, what in (("nxdomain", "NXDOMAIN"), ("silent", "its servers silent"))
]
