"""What 100,000 cached names cost one worker in memory."""

from pathlib import Path

from tests.bench.big_list import memory
from tests.bench.contenders import settings_for, start_dnsfilter, start_echo
from tests.bench.load import Load, run_load, write_queries
from tests.processes import Processes

NAMES = 100_000
BAR = 120


def measure_cache(directory: Path) -> str:
    """Return the resident size of a worker before and after it cached the names, each asked for three times."""
    home = directory / "cache"
    home.mkdir()
    with Processes(home) as processes:
        upstream = start_echo(processes, home)
        settings = settings_for(directory, upstream)
        contender = start_dnsfilter(processes, home, settings)
        before = memory(contender.processes["server"][0])[0]
        queries = write_queries(home / "names", (f"n{number}.memory.example" for number in range(NAMES)))
        run = run_load(contender, Load(queries, ("-q", "100", "-c", "10", "-n", "3")))
        after = memory(contender.processes["server"][0])[0]
    return f"{NAMES:,} cached names: a worker of {before:.0f} MB has {after:.0f} MB (bar {BAR}); {run.lost} lost"
