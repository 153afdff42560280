"""`make faults`: what happens to dnsfilter, unbound, BIND and dnsmasq under faults, counted at the client.

Results are kept in docs/faults.json as they come and rendered to docs/faults.md. A script that fails costs one line.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults import (
    banned,
    crowd,
    equal,
    evidence,
    flood,
    floods,
    forged,
    frozen,
    killed,
    limits,
    nasty,
    pipelined,
    reload,
    report,
    restarts,
    soak,
)
from tests.faults.measures import SUBJECTS, Measure, Row, Trial
from tests.processes import Processes

ROWS: tuple[Row, ...] = (
    reload.ROW,
    restarts.ROW,
    killed.ROW,
    evidence.ROW,
    frozen.ROW,
    equal.ROW,
    forged.ROW,
    nasty.ROW,
    crowd.ROW,
    pipelined.ROW,
    floods.ROW,
    *flood.ROWS,
    *limits.ROWS,
    *banned.ROWS,
    soak.ROW,
)
TOGETHER = {soak.ROW, nasty.ROW, *limits.ROWS}
"""Scripts that hold latencies to no bar: done to all servers at once."""


def attempt(row: Row, server: str, *, is_short: bool) -> tuple[Sequence[Measure], str]:
    """Do one fault to one server; whatever goes wrong is returned as a sentence, and what was started is ended."""
    with tempfile.TemporaryDirectory(prefix="dnsfilter-faults-") as name, Processes(Path(name)) as processes:
        try:
            return row.run(Trial(server, processes, Path(name), is_short=is_short)), ""
        except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:  # noqa: BLE001 - the next one goes on
            return (), " ".join(f"{type(error).__name__}: {error}".split())[-300:]


def run_row(row: Row, servers: Sequence[str], *, is_short: bool) -> bool:
    """Do one fault to each server, print and keep what came of it; return whether dnsfilter keeps to its bars."""
    is_met = True

    def run(server: str) -> tuple[str, Sequence[Measure], str]:
        return server, *attempt(row, server, is_short=is_short)

    with ExitStack() as stack:
        do = stack.enter_context(ThreadPoolExecutor(len(servers))).map if row in TOGETHER else map
        for server, measures, error in do(run, servers):
            if not is_short:
                report.keep(row, server, measures, error)
            print(report.make_line(row, server, measures, error))
            if server == "dnsfilter":
                is_met = not error and all(each.is_met for each in measures)
    return is_met


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[row.name for row in ROWS], help="only this; may be repeated"
    )
    parser.add_argument("--servers", default=",".join(SUBJECTS), help="which servers, separated by commas")
    parser.add_argument("--short", action="store_true", help="seconds in place of minutes; nothing is kept")
    parser.add_argument("--missing", action="store_true", help="only what docs/faults.json does not hold")
    parser.add_argument("--render", action="store_true", help="only write docs/faults.md from docs/faults.json")
    return parser.parse_args()


def main() -> int:
    """Run what is asked for; the exit status is 1 when dnsfilter misses a bar."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaving the context of what was started ends it
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    missed = []
    for row in [] if arguments.render else ROWS:
        servers = [server for server in arguments.servers.split(",") if server in row.servers]
        if arguments.missing:
            servers = [each for each in servers if not report.is_measured(report.load_results(), row, each)]
        if (arguments.only and row.name not in arguments.only) or not servers:
            continue
        begin = time.monotonic()
        if not run_row(row, servers, is_short=arguments.short):
            missed.append(row.name)
        print(f"{row.name}: {time.monotonic() - begin:.0f} s")
    if not arguments.short:
        report.render(ROWS, list(SUBJECTS))
    if missed:
        print("dnsfilter misses:", ", ".join(missed))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
