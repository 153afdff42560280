"""The servers that every fault is done to: dnsfilter, and the others set up for the same work.

Each forwards to the same upstream, blocks the same names, and has as many threads as dnsfilter has workers.
"""

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.server import ENVIRONMENT, responds
from tests.faults.programs import ECHO, ask_once, make_query
from tests.processes import Processes, Running, children, free_port

START_SECONDS = 180
SINKHOLE = "192.0.2.66"


@dataclass(frozen=True, slots=True)
class Place:
    """What a server of a trial is set up with."""

    directory: Path
    upstream: str
    names: Sequence[str] = ("blocked.example",)
    workers: int = 2
    connections: int = 1_000
    """How many the others are told to take, whose limit is not what descriptors allow."""

    certificate: Path | None = None
    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def upstream_port(self) -> str:
        """The port of the upstream, which is on loopback."""
        return self.upstream.rpartition(":")[2]


class Subject(ABC):
    """A running server, and what an operator can do to it."""

    name: str

    def __init__(self, processes: Processes, place: Place) -> None:
        self.place = place
        self.port = free_port()
        self.tls_port = free_port() if place.certificate else 0
        self._processes = processes
        self.write_names(place.names)
        self._configure()
        self.running = self._start()

    @property
    def list_path(self) -> Path:
        """The file of the names that are blocked."""
        return self.place.directory / "names.list"

    def pids(self) -> list[int]:
        """Return every process of the server."""
        return [self.running.pid, *children(self.running.pid)]

    def write_names(self, names: Sequence[str]) -> None:
        """Write the list of names to block, which is in force with the next reload."""
        fresh = self.list_path.with_suffix(".new")
        fresh.write_text("".join(self._lines(names)))
        fresh.rename(self.list_path)

    def reload(self) -> None:
        """Ask for the list to be read again."""
        self.running.send(signal.SIGHUP)

    def restart(self) -> None:
        """Restart it in the way that an operator would under load."""
        self.running.send(signal.SIGTERM)
        self.running.process.wait(30)
        self.running = self._start()

    def kill(self) -> None:
        """Kill what answers; who is told to keep it running, starts it again."""
        self.running.kill()
        self.running = self._start()

    def damage(self) -> None:
        """Cut in half what it reads its rules from, and let it look."""
        os.truncate(self.list_path, self.list_path.stat().st_size // 2)
        self.reload()

    def repair(self) -> None:
        """Make good what was damaged."""
        self.write_names(self.place.names)
        self.reload()

    def is_blocked(self, name: str) -> bool:
        """Whether a name has an answer, and not the upstream's."""
        answer = ask_once(self.port, make_query(name))
        return bool(answer) and answer[3] & 15 in {0, 3} and ECHO.to_bytes(4, "big") not in answer

    def is_ready(self) -> bool:
        """Whether it answers."""
        return responds(self.port)

    def _start(self) -> Running:
        return self._processes.start(
            self.name,
            [*self.place.prefix, *self._command()],
            lambda _: self.is_ready(),
            seconds=START_SECONDS,
            environment={**ENVIRONMENT, **self.place.environment},
        )

    @abstractmethod
    def _lines(self, names: Sequence[str]) -> Sequence[str]: ...

    @abstractmethod
    def _configure(self) -> None: ...

    @abstractmethod
    def _command(self) -> Sequence[str]: ...


def wait_for(condition: Callable[[], object], seconds: float) -> float:
    """Poll until something holds; return the seconds it took, infinite when it did not come true."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            return float("inf")
        time.sleep(0.01)
    return time.monotonic() - begin
