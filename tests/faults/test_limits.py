"""Short versions of what a machine runs short of, done to dnsfilter."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.limits import ROWS
from tests.faults.measures import Row, find_missed
from tests.faults.programs import compile_helper
from tests.processes import Processes, miss


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_keeps_working(row: Row, processes: Processes, tmp_path: Path, require_program: Callable[..., str]) -> None:
    """DNS is unaffected, and what was dropped is counted."""
    require_program("gcc", "gcc")
    if row.name == "disk-full" and os.geteuid():
        miss("mounting a small disk takes root")
    assert find_missed(row, processes, tmp_path) == []


CODE = """
import os, time
began, wall = time.monotonic(), time.time()
os.fsync(os.open({file!r}, os.O_WRONLY))
print(wall, time.monotonic() - began)
"""


def test_the_shim_lies(tmp_path: Path, require_program: Callable[..., str]) -> None:
    """A program under it sees another date, and its disk is slow."""
    require_program("gcc", "gcc")
    shim, (clock, fsync) = compile_helper(tmp_path, "shim"), (tmp_path / "clock", tmp_path / "fsync")
    clock.write_text("-86400")
    fsync.write_text("200000")
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(file=str(clock))],
        env={**os.environ, "LD_PRELOAD": str(shim), "FAULTS_CLOCK": str(clock), "FAULTS_FSYNC": str(fsync)},
        capture_output=True,
        text=True,
        check=True,
    )
    wall, taken = map(float, done.stdout.split())
    assert abs(time.time() - 86_400 - wall) < 60
    assert taken >= 0.2
