"""Many equal queries at once for a name that is not cached."""

from tests.faults.load import Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.programs import start_upstream

QUERIES = 1000
AT_ONCE = 1e9
TIMEOUT = 2


def run(trial: Trial) -> list[Measure]:
    """Ask 1,000 times at once, for some names; count at the upstream."""
    upstream = start_upstream(trial.processes, trial.directory)
    server = trial.start(upstream.address, workers=1)
    most, answered, longest = 0, 0, 0.0
    rounds = trial.choose(10, 3)
    for number in range(rounds):
        upstream.take_count()
        stream = Stream("equal", f"n{number}.once.example", AT_ONCE, 1, QUERIES)
        sample = trial.load(server.port, [stream], TIMEOUT).wait().of()
        most = max(most, upstream.take_count())
        answered += sample.count(lambda each: each.is_resolved)
        longest = max(longest, sample.milliseconds())
    return [
        count("most upstream queries for one name", most, 1),
        count("not answered", rounds * QUERIES - answered),
        milliseconds("longest answer", longest),
    ]


ROW = Row("equal", "1,000 equal queries at once, name not cached", "exactly 1 upstream query", run)
