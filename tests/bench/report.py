"""What a run found: printed line by line as it comes, and written as docs/benchmarks.md."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.cases import Case
from tests.bench.load import Run
from tests.e2e.server import read_version

VERSIONS = (
    ("unbound", "-V"),
    ("dnsperf", "-h"),
    ("h2load", "--version"),
    ("dnsmasq", "--version"),
    ("dnsdist", "--version"),
    ("pdns_recursor", "--version"),
    ("kresd", "--version"),
)


class Report:
    """Rows of cases and lines of other findings."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._rows: list[list[str]] = []
        self._lines: list[str] = []

    def begin(self, names: list[str]) -> None:
        """Print the heading of the table of these servers."""
        self._names = names
        print(describe_machine())
        print("CPU time in microseconds per answered query; ratio of dnsfilter to unbound, and the bar for it\n")
        self._print(["case", "ratio", "bar", *names, "queries/s per core", "lost"])

    def add_case(self, case: Case, runs: list[list[Run]], others: Mapping[str, Run]) -> None:
        """Add a row: the medians of our and unbound's rounds and of the ratios within a round; others ran once."""
        ours, theirs = (statistics.median(run[side].total for run in runs) for side in (0, 1))
        ratio = statistics.median(run[0].total / run[1].total for run in runs)
        lost = "/".join(str(sum(run[side].lost for run in runs)) for side in (0, 1))
        bar = "" if case.bar is None else f"<= {case.bar}"
        prices = [f"{others[name].total:.2f}" if name in others else "" for name in self._names[2:]]
        row = [case.name, f"{ratio:.2f}", bar, f"{ours:.2f}", f"{theirs:.2f}", *prices, f"{1e6 / ours:,.0f}", lost]
        self._rows.append(row)
        self._print(row)

    def add_latency(self, word: str, pairs: list[list[float]], bar: float) -> None:
        """Add what the median response takes when nothing else is asked, in microseconds."""
        ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
        self.add_line(
            f"idle latency p50, {word}: {ratio:.2f} (bar {bar}): dnsfilter {ours:.0f} us, unbound {theirs:.0f} us"
        )

    def add_line(self, line: str) -> None:
        """Add a finding that is no row of the table."""
        self._lines.append(line)
        print(line)

    def write(self, file: Path | None) -> None:
        """Write everything so far as Markdown, in place of what stands below the file's marker, if there is a file."""
        if file is None:
            return
        heading = ["case", "ratio", "bar", *self._names, "queries/s per core", "lost"]
        table = [heading, ["---"] + ["---:"] * (len(heading) - 1), *self._rows]
        rows = "\n".join(f"| {' | '.join(row)} |" for row in table)
        lines = "\n".join(f"* {line}" for line in self._lines)
        before = file.read_text().partition(MARKER)[0]
        file.write_text(f"{before}{MARKER}\n\n```\n{describe_machine()}\n```\n\n{rows}\n\n{lines}\n")

    @staticmethod
    def _print(row: Sequence[str]) -> None:
        print(f"{row[0]:<30}" + "".join(f"{cell:>14}" for cell in row[1:-2]) + f"{row[-2]:>20}{row[-1]:>8}")


MARKER = "<!-- what follows is written by the run -->"


def describe_machine() -> str:
    """Return what is needed to repeat the run."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    commit = done.stdout.strip()
    python = f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} cores"
    versions = [version for program in VERSIONS if (version := _version(*program))]
    command = " ".join(["python -m tests.bench", *sys.argv[1:]])
    return "\n".join(
        [
            f"{time.strftime('%Y-%m-%d')} {read_version()}, commit {commit}, {python}",
            "; ".join(versions),
            command,
        ]
    )


def _version(program: str, option: str) -> str:
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    lines = (done.stdout + done.stderr).splitlines()
    line = next((line for line in lines if any(character.isdigit() for character in line)), "").strip()
    return line if line.lower().startswith(program[:4].lower()) else f"{program} {line}"
