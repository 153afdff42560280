"""Ten minutes of everything."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.faults.load import Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.streams import Asker
from tests.faults.usage import count_descriptors, resident_megabytes

STREAMS = [
    Stream("blocked", "blocked.example", 1_200),
    Stream("cached", "c#.cached.example", 1_160, 10_000),
    Stream("miss", "m#.new.example", 1_000),
]
KEPT = Stream("kept", "k#.kept.example", 4_000, 0, 400_000)
"""As many names as make the caches, and the tables that they live in, as large as they become."""

POINTS = 120


def slope_percent(sizes: list[float]) -> float:
    """Return by how much a straight line through the sizes rises from first to last, in percent of its middle."""
    slope, _ = statistics.linear_regression(range(len(sizes)), sizes)
    return slope * (len(sizes) - 1) / statistics.mean(sizes) * 100


def rise(counts: Sequence[int]) -> float:
    """Return by how much the second half of counts lies above the first: each has ports that are just being renewed."""
    half = len(counts) // 2
    return statistics.median(counts[half:]) - statistics.median(counts[:half])


def run(trial: Trial) -> list[Measure]:
    """Ask 3,360 times a second; memory and descriptors are judged over the second half, when nothing is new."""
    server = trial.start()
    trial.load(server.port, [trial.choose(KEPT, replace(KEPT, limit=400))]).wait(200)
    sizes, descriptors = [], []
    seconds = trial.choose(600, 2)
    with (
        Asker(server.port, "blocked.example", 0.02, keeps=False),
        Asker(server.port, "c1.cached.example", 0.02, keeps=True),
    ):
        load = trial.load(server.port, STREAMS)
        for _ in range(POINTS):
            time.sleep(seconds / POINTS)
            sizes.append(resident_megabytes(server.pids()))
            descriptors.append(count_descriptors(server.pids()))
        sample = load.end().of()
    half = POINTS // 2
    return [
        count("lost", sample.lost),
        count("SERVFAIL", sample.servfail),
        Measure("memory slope", round(slope_percent(sizes[half:]), 2), 0.5, "%"),
        Measure("descriptors more than at half time", round(rise(descriptors[half:])), 2),
        Measure("memory", round(sizes[-1]), None, "MB"),
        count("queries", len(sample), None),
        milliseconds("p99", sample.milliseconds(0.99)),
    ]


ROW = Row("soak", "soak of 10 minutes, 2,000,000 queries", "memory slope <= 0.5 %, descriptors flat", run)
