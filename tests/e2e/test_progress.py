"""What long work shows: a line on a terminal while it lasts, and nothing anywhere else."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import ENVIRONMENT
from tests.processes import wait_until

RECORDING = "time,client,name\n2023-11-14T22:13:20Z,10.0.0.1,www.example\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_slow_recording(tmp_path: Path, *, is_terminal: bool) -> None:
    """While a recording takes its time a terminal is told; standard output is the same with one and without."""
    recording, seen = tmp_path / "recording.csv", b""
    os.mkfifo(recording)
    ours, theirs = pty.openpty() if is_terminal else os.pipe()
    command = [sys.executable, "-m", "dnsfilter", "replay", str(recording)]
    environment = {**os.environ, **ENVIRONMENT, "XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, cwd=tmp_path) as running:
        os.close(theirs)
        os.set_blocking(ours, False)

        def is_told() -> bool:
            nonlocal seen
            seen += read(ours)
            return f"reading {recording}".encode()[:60] in seen

        if is_terminal:
            wait_until(is_told, "the terminal is told", 60)
        recording.write_text(RECORDING)
        output, _ = running.communicate(timeout=60)
        seen += read(ours)
    os.close(ours)
    assert running.returncode == 0
    assert b"10.0.0.1" in output
    assert b"\033" not in output
    assert seen.rpartition(b"\033[K")[2] == b""
    assert bool(seen) is is_terminal


def read(descriptor: int) -> bytes:
    """Return what is there; nothing at the end, which a terminal calls an error."""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""
