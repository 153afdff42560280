"""`make bench`: CPU per answered query of dnsfilter, unbound and others, in alternating rounds of the same run.

One worker (and dnsfilter's manager with it) on core 1; dnsperf, h2load and the upstream on core 0. Compare ratios:
absolute figures belong to the machine. Nothing here passes or fails.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tests.bench import big_list, devices, memory
from tests.bench.cases import COUNTED, KNOWN, Case, make_cases
from tests.bench.contenders import (
    Contender,
    make_certificate,
    settings_for,
    start_dnsfilter,
    start_echo,
    start_unbound,
)
from tests.bench.load import Run, measure_idle_latency, run_load
from tests.bench.report import Report
from tests.bench.rivals import start_rivals
from tests.processes import Processes

IDLE_BAR = 1.5
GROWTH_BAR = 1.05


def compare(case: Case, contenders: Sequence[Contender], rounds: int) -> list[list[Run]]:
    """Run the case against each contender in turn, a warming round first; return the rounds."""
    return [
        [run_load(each, case.load(f"{number}-{each.name}")) for each in contenders] for number in range(rounds + 1)
    ][1:]


def median(values: list[float]) -> float:
    """Return the median rounded for a table."""
    return round(statistics.median(values), 2)


def compare_servers(arguments: argparse.Namespace, directory: Path, report: Report) -> None:
    """Measure every case against dnsfilter, unbound and those of the others that can do it; then the idle servers."""
    with Processes(directory) as processes:
        upstream = start_echo(processes, directory)
        settings = settings_for(directory, upstream)
        pair = [start_dnsfilter(processes, directory, settings), start_unbound(processes, directory, upstream)]
        rivals = start_rivals(processes, directory, upstream) if arguments.all else []
        report.begin([each.name for each in (*pair, *rivals)])
        for case in make_cases(directory, arguments.seconds):
            if not arguments.case or any(case.name.startswith(start) for start in arguments.case):
                runs = compare(case, pair, arguments.rounds)
                others = {each.name: compare(case, [each], 1)[0][0] for each in rivals if case.name not in each.lacks}
                report.add_case(case, runs, others)
        for name in (COUNTED[0], KNOWN[0]):
            pairs = [[measure_idle_latency(each, name) for each in pair] for _ in range(arguments.rounds)]
            report.add_latency("blocked" if name in COUNTED else "cached", pairs, IDLE_BAR)


def compare_lists(arguments: argparse.Namespace, directory: Path, report: Report) -> None:
    """Measure what a blocked query costs with 10 and with 1,000,000 names on the list, in alternation."""
    with Processes(directory) as processes:
        contenders = []
        for entries in (big_list.ENTRIES, 10):
            home = directory / str(entries)
            home.mkdir()
            contenders.append(start_dnsfilter(processes, home, big_list.settings_with(home, entries)))
        case = next(case for case in make_cases(directory, arguments.seconds) if case.name == "blocked, UDP")
        runs = compare(case, contenders, arguments.rounds)
        ratio = median([big.total / small.total for big, small in runs])
        report.add_line(f"blocked query with {big_list.ENTRIES:,} names to 10 names: {ratio} (bar {GROWTH_BAR})")


def main() -> None:
    """Parse arguments and print all tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--case", action="append", help="only cases that begin like this; may be given again")
    parser.add_argument("--all", action="store_true", help="dnsmasq, dnsdist, PowerDNS, Knot and a C echo beside them")
    parser.add_argument("--no-lists", action="store_true", help="leave out the big list, the devices and the memory")
    parser.add_argument("--write", type=Path, help="write the report to this file, too")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        make_certificate(directory)
        compare_servers(arguments, directory, report)
        report.write(arguments.write)
        if not arguments.no_lists:
            compare_lists(arguments, directory, report)
            report.add_line(memory.measure_cache(directory))
            for line in chain(big_list.make_report(directory), devices.make_report(directory)):
                report.add_line(line)
                report.write(arguments.write)


if __name__ == "__main__":
    main()
