"""The ground that end-to-end tests stand on does what they rely on."""

import signal
import socket
from pathlib import Path

import pytest

from tests.processes import Processes, children, free_port, outputs, require_program, wait_until


def test_missing_program_skips_a_laptop_and_fails_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same missing program is a skip at home and a failure in CI."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no-such-program is not installed .*no-such-package"):
        require_program("no-such-program", "no-such-package")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        require_program("no-such-program", "no-such-package")


def test_ports_are_handed_out_once() -> None:
    """No port is given twice, and one that somebody holds is passed over."""
    first = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", first + 1))
        assert len({first, first + 1, *(free_port() for _ in range(20))}) == 22


def test_ends_the_whole_family(tmp_path: Path) -> None:
    """A program that ignores SIGTERM and its child are gone afterwards."""
    script = "trap '' TERM; sleep 1000 & wait; wait"
    with Processes(tmp_path) as processes:
        running = processes.start("stubborn", ["sh", "-c", script], lambda running: children(running.pid))
        (child,) = children(running.pid)
        running.kill()
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child is gone")
    assert running.process.returncode == -signal.SIGKILL


def test_early_end_shows_the_output(tmp_path: Path) -> None:
    """A program that ends before it is ready fails the test with what it wrote."""
    with (
        Processes(tmp_path) as processes,
        pytest.raises(pytest.fail.Exception, match=r"(?s)broken ended with 3.*no such thing"),
    ):
        processes.start("broken", ["sh", "-c", "echo no such thing >&2; exit 3"], lambda _: False)
    assert "broken" not in dict(outputs())
