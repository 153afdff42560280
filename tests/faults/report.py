"""The results of a run, kept as JSON while it goes on, and the page that is made of them."""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.e2e.server import ROOT, read_version
from tests.faults.measures import Measure, Row

RESULTS = ROOT / "docs" / "faults.json"
PAGE = ROOT / "docs" / "faults.md"
PROGRAMS = (["unbound", "-V"], ["named", "-v"], ["dnsmasq", "-v"])

HEAD = """\
# Faults

What is done to a server while clients ask it, and what they see. Each script runs unchanged against dnsfilter, unbound,
BIND and dnsmasq, set up for the same work: the same upstream, the same names blocked, as many threads as dnsfilter has
workers (`tests/faults/ours.py`, `others.py`). Losses, rcodes and times are counted at the client (`load.c`); a
bar is dnsfilter's; what the others do stands beside it. Rows about the proxy, which the others have none of, stand
alone. Short versions of all run with the tests.

"""


def load_results() -> dict[str, Any]:
    """Return what was measured so far."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def keep(row: Row, server: str, measures: Sequence[Measure], error: str) -> None:
    """Write the result of one script on one server beside those of the others."""
    results = load_results()
    results["run"] = describe_run()
    entry = {"measures": [asdict(each) for each in measures], "error": error, "date": time.strftime("%Y-%m-%d")}
    results.setdefault("rows", {}).setdefault(row.name, {})[server] = entry
    fresh = RESULTS.with_suffix(".new")
    fresh.write_text(json.dumps(results, indent=1) + "\n")
    fresh.rename(RESULTS)


def describe_run() -> dict[str, str]:
    """Return what is needed to judge the figures: machine and versions."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} cores, {cpu[1] if cpu else platform.machine()}, {memory:.0f} GB, "
        f"Linux {platform.release()}",
        "versions": ", ".join([f"{read_version()}, Python {platform.python_version()}", *_versions()]),
    }


def _versions() -> list[str]:
    found = []
    for command in PROGRAMS:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        version = re.search(r"(?:[Vv]ersion|BIND) ([\w.]+)", done.stdout)
        found.append(f"{command[0]} {version[1] if version else ''}".strip())
    return found


def is_measured(results: dict[str, Any], row: Row, server: str) -> bool:
    """Whether there is a result of this script on this server."""
    return server in results.get("rows", {}).get(row.name, {})


def make_line(row: Row, server: str, measures: Sequence[Measure], error: str) -> str:
    """Return one line of the table."""
    missed = ", ".join(each.what for each in measures if not each.is_met)
    verdict = f"not measured: {error}" if error else f"**no**: {missed}" if missed else "yes"
    return f"| {row.fault} | {server} | {row.bar} | {'; '.join(map(str, measures))} | {verdict} |"


def render(rows: Sequence[Row], servers: Sequence[str]) -> None:
    """Write the page from what was measured."""
    results = load_results()
    lines = ["| fault | server | bar | measured | met |", "|---|---|---|---|---|"]
    dates = set()
    for row in rows:
        for server in servers:
            if is_measured(results, row, server):
                entry = results["rows"][row.name][server]
                measures = [Measure(**each) for each in entry["measures"]]
                lines.append(make_line(row, server, measures, entry["error"]))
                dates.add(entry["date"])
    run = results.get("run") or describe_run()
    period = " to ".join(sorted({min(dates, default="never"), max(dates, default="never")}))
    remark = f" {run['remark']}" if "remark" in run else ""
    place = f"Machine: {run['machine']}. Versions: {run['versions']}. Date: {period}."
    head = f"{HEAD}{place} Command: `make faults`.{remark}\n\n"
    PAGE.write_text(head + "\n".join(lines) + "\n")
