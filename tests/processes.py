"""Real programs for tests: found or skipped, started on ports of their own, waited for, and ended.

Ends only what it started.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Self

import pytest

FIRST_PORT = 20_000
LAST_PORT = 30_000  # below the range that the kernel picks from for outgoing sockets
POLL_SECONDS = 0.02
SHOWN_CHARACTERS = 6_000

_held_locks: list[int] = []


def require_program(name: str, package: str) -> str:
    """Return the path of a program; without it the test is skipped, in CI it fails."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        miss(f"{name} is not installed (Debian package {package})")
    return path


def miss(reason: str) -> NoReturn:
    """End a test for want of something of the machine: skipped on a laptop, failed in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """Return a port that is free for UDP and TCP on both loopbacks and that no other test process takes.

    The lock on a file named after the port lasts as long as this process.
    """
    for port in range(FIRST_PORT, LAST_PORT):
        if _lock(port) and _is_free(port):
            return port
    raise RuntimeError("no free port")


def _lock(port: int) -> bool:
    directory = Path(tempfile.gettempdir()) / f"dnsfilter-test-ports-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    lock = os.open(directory / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    _held_locks.append(lock)
    return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, kind) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True


def wait_until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Poll until the condition holds; fail saying what did not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"after {seconds} s still not: {what}")
        time.sleep(POLL_SECONDS)


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on a TCP port."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def children(pid: int) -> list[int]:
    """Return the process ids of the direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def command_line(pid: int) -> str:
    """Return the command of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


class Running:
    """One started program, alone in its session; its output goes to a file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment},
                pass_fds=descriptors,
            )

    @property
    def pid(self) -> int:
        """The process id of the program itself, which is also that of its session."""
        return self.process.pid

    @property
    def output(self) -> str:
        """What the program has written so far."""
        return self.log.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        """Whether the program still runs."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self.process.send_signal(number)

    def stop(self, seconds: float = 15) -> int:
        """Ask the program to end and return its exit status; kill what is left of its session."""
        if self.is_alive:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} ignores SIGTERM for {seconds} s:\n{self.output[-SHOWN_CHARACTERS:]}")
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the program and whatever it left running in its session."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self.process.wait()


class Processes:
    """The programs that one test or module runs."""

    everything: list[Running] = []  # noqa: RUF012 - of this whole test process, for reports of failures

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all of them, the last one first."""
        for running in reversed(self._started):
            running.process.terminate()
        while self._started:
            self._end(self._started.pop())

    def _end(self, running: Running) -> None:
        try:
            running.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            running.kill()
            self.everything.remove(running)

    def start(
        self,
        name: str,
        command: Sequence[str],
        ready: Callable[[Running], object],
        *,
        seconds: float = 20,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Running:
        """Start a program and return once it is ready; fail with its output when it ends or stays silent."""
        log = self._directory / f"{name}-{len(self._started)}.log"
        running = Running(name, command, log, environment or {}, descriptors)
        self._started.append(running)
        self.everything.append(running)
        deadline = time.monotonic() + seconds
        while not ready(running):
            if not running.is_alive or time.monotonic() > deadline:
                state = "is not ready" if running.is_alive else f"ended with {running.process.returncode}"
                pytest.fail(f"{name} {state}:\n{running.output[-SHOWN_CHARACTERS:]}")
            time.sleep(POLL_SECONDS)
        return running


def outputs() -> Iterator[tuple[str, str]]:
    """Yield name and latest output of every program that runs now."""
    for running in Processes.everything:
        yield running.name, running.output[-SHOWN_CHARACTERS:]
