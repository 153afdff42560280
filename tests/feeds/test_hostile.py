"""Every hostile download and list file is refused with a clear reason, the old list stays, and memory is bounded."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.hostile import find_cases

LIMIT = 200 * 1024 * 1024


@pytest.mark.slow
def test_all_are_refused(tmp_path: Path) -> None:
    """More than 200 ways, in one process: none is taken, none leaves a traceback, none costs more than 200 MB."""
    command = [sys.executable, "-m", "tests.fakes.hostile", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    results, expected = json.loads(done.stdout), find_cases()
    assert len(expected) >= 200
    said: dict[str, str] = results["said"]
    assert said.keys() == expected.keys()
    wrong = {name: said[name][:200] for name, reason in expected.items() if not re.search(reason, said[name])}
    assert wrong == {}
    assert "taken" not in said.values()
    assert all(len(reason) < 1000 for reason in said.values())
    assert results["peak"] < LIMIT, f"{results['peak'] >> 20} MiB"
