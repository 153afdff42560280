"""`make bench`: CPU per answered query of dnsfilter and unbound, in alternating rounds of the same run.

One worker (and dnsfilter's manager with it) on core 1; dnsperf and the upstream on core 0. Compare ratios: absolute
figures belong to the machine. Nothing here passes or fails.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dnsfilter
from tests.bench import big_list
from tests.bench.contenders import Contender, settings_for, start_dnsfilter, start_echo, start_unbound
from tests.bench.load import Load, Run, measure_idle_latency, run_load, write_queries
from tests.processes import Processes

MISSES = 300_000
CACHED = 10_000
BLOCKED = 100
SATURATE = ("-q", "200", "-c", "10", "-b", "4096")
STREAMS = ("-m", "tcp", "-q", "100", "-c", "20")


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of query; `bar` is the ratio to stay under, None where there is none."""

    name: str
    bar: float | None
    load: Callable[[str], Load]


def make_cases(directory: Path, seconds: int) -> list[Case]:
    """Return the cases; a load is made for each run, so that misses are misses every time."""
    blocked = write_queries(directory / "blocked", (f"v{number}.tiktokcdn.com" for number in range(BLOCKED)))
    cached = write_queries(directory / "cached", (f"c{number}.bench.example" for number in range(CACHED)))
    timed = ("-l", str(seconds))

    def make_misses(run: str) -> Load:
        names = (f"m{number}-{run}.bench.example" for number in range(MISSES))
        return Load(write_queries(directory / "misses", names), (*SATURATE, "-n", "1"))

    return [
        Case("blocked", 1.2, lambda _: Load(blocked, (*SATURATE, *timed))),
        Case("cached", 1.2, lambda _: Load(cached, (*SATURATE, *timed))),
        Case("miss", 0.7, make_misses),
        Case("blocked, TCP", None, lambda _: Load(blocked, (*STREAMS, *timed))),
        Case("cached, TCP", None, lambda _: Load(cached, (*STREAMS, *timed))),
    ]


def compare(case: Case, contenders: list[Contender], rounds: int) -> list[list[Run]]:
    """Run the case against each contender in turn, a warming round first; return the rounds."""
    return [
        [run_load(each, case.load(f"{number}-{each.name}")) for each in contenders] for number in range(rounds + 1)
    ][1:]


def median(values: list[float]) -> float:
    """Return the median rounded for a table."""
    return round(statistics.median(values), 2)


def print_case(case: Case, results: list[list[Run]]) -> None:
    """Print one line of the table: ours first, theirs second."""
    ratio = median([ours.total / theirs.total for ours, theirs in results])
    ours, theirs = (median([run[side].total for run in results]) for side in (0, 1))
    manager = median([run[0].microseconds["manager"] for run in results])
    lost = "/".join(str(sum(run[side].lost for run in results)) for side in (0, 1))
    bar = "" if case.bar is None else f"<= {case.bar}"
    rates = f"{1e6 / ours:>9,.0f} {1e6 / theirs:>9,.0f}"
    print(f"{case.name:<14}{ratio:>6.2f} {bar:>7} {ours:>10.2f} {manager:>9.2f} {theirs:>9.2f} {rates}  {lost}")


def print_heading(arguments: argparse.Namespace) -> None:
    """Print what is needed to repeat the run."""
    for program in (["unbound", "-V"], ["dnsperf", "-h"]):
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        print(next((line for line in lines if "ersion" in line), program[0]))
    print(f"dnsfilter {dnsfilter.__version__}, Python {platform.python_version()}, Linux {platform.release()}")
    print(f"python -m tests.bench --rounds {arguments.rounds} --seconds {arguments.seconds}\n")


def compare_servers(arguments: argparse.Namespace, directory: Path) -> None:
    """Print the table of ratios and the latencies of the idle servers."""
    with Processes(directory) as processes:
        upstream = start_echo(processes, directory)
        settings = settings_for(upstream)
        contenders = [
            start_dnsfilter(processes, directory, settings),
            start_unbound(processes, directory, upstream),
        ]
        print("                            CPU us per query                queries/s per core")
        print("case           ratio     bar  dnsfilter (manager)   unbound dnsfilter   unbound  lost")
        for case in make_cases(directory, arguments.seconds):
            if not arguments.case or case.name in arguments.case:
                print_case(case, compare(case, contenders, arguments.rounds))
        for name in ("v1.tiktokcdn.com", "c1.bench.example"):
            latencies = [f"{each.name} {measure_idle_latency(each, name):.0f} us" for each in contenders]
            print(f"idle latency p50, {name}: {', '.join(latencies)}")


def main() -> None:
    """Parse arguments and print all tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--case", action="append", help="only this case; may be given again")
    parser.add_argument("--no-big-list", action="store_true")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print_heading(arguments)
    with tempfile.TemporaryDirectory() as directory:
        compare_servers(arguments, Path(directory))
        if not arguments.no_big_list:
            big_list.print_report(Path(directory))


if __name__ == "__main__":
    main()
