"""The benchmark still runs; how fast anything is, is for people to read."""

import os
import re
import subprocess
import sys

import pytest

from tests.e2e.server import ENVIRONMENT, ROOT
from tests.processes import require_program


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
@pytest.mark.slow
def test_prints_a_line_for_a_case() -> None:
    """One short round of one case answers queries of both servers and prints the ratio and both prices."""
    for program, package in (("dnsperf", "dnsperf"), ("unbound", "unbound"), ("gcc", "gcc")):
        require_program(program, package)
    options = ["--rounds", "1", "--seconds", "1", "--case", "blocked, UDP", "--no-lists"]
    command = [sys.executable, "-m", "tests.bench", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT, env={**os.environ, **ENVIRONMENT}
    )
    line = re.search(r"^blocked, UDP +([\d.]+) +<= 1.0 +([\d.]+) +([\d.]+) ", done.stdout, re.MULTILINE)
    assert line, done.stdout + done.stderr
    assert all(float(figure) > 0 for figure in line.groups())
    assert "idle latency p50" in done.stdout
