"""The state directory belongs to one dnsfilter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dnsfilter.errors import InputError, ProcessError
from dnsfilter.feeds.state import hold_state, prepare_state


def test_makes_what_is_missing(tmp_path: Path) -> None:
    """The directory is made with its parents and for nobody else; one that is there stays as it is."""
    state = tmp_path / "a" / "b"
    prepare_state(state)
    assert state.stat().st_mode & 0o777 == 0o700
    state.chmod(0o750)
    prepare_state(state)
    assert state.stat().st_mode & 0o777 == 0o750


def test_says_why_it_cannot_be_made(tmp_path: Path) -> None:
    """The error names key, directory and the system's reason."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as refusal:
        prepare_state(tmp_path / "file" / "var")
    assert str(refusal.value) == f"state: {tmp_path}/file/var: cannot be created: Not a directory"


def test_one_holds_it(tmp_path: Path) -> None:
    """While one holds the directory another cannot, afterwards it can, and only the owner reads the lock."""
    lock = hold_state(tmp_path)
    with pytest.raises(ProcessError, match="another dnsfilter runs with this state directory"):
        hold_state(tmp_path)
    os.close(lock)
    os.close(hold_state(tmp_path))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_the_dead_hold_nothing(tmp_path: Path) -> None:
    """A holder that was killed leaves the directory free, and its children never held it."""
    code = (
        "import subprocess, sys; from pathlib import Path; from dnsfilter.feeds.state import hold_state;"
        "hold_state(Path(sys.argv[1])); subprocess.Popen(['sleep', '5']); print('held', flush=True);"
        "import time; time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ProcessError):
            hold_state(tmp_path)
        holder.kill()
        holder.wait()
        os.close(hold_state(tmp_path))


def test_a_lock_that_cannot_be(tmp_path: Path) -> None:
    """Where the lock cannot be written the error names the directory."""
    (tmp_path / "lock").mkdir()
    with pytest.raises(ProcessError, match=f"state: {tmp_path} cannot be written: Is a directory"):
        hold_state(tmp_path)
