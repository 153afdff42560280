"""dnsfilter as a subject of the faults, and what only it tells of itself."""

import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.server import complete, default_settings, fetch, parse_metrics, responds
from tests.faults.servers import Place, Subject, wait_for
from tests.processes import Processes, children, command_line, free_port

LIST = {"name": "names", "file": "names.list", "format": "domains"}
POLICY = {"name": "names", "blocklists": ["names"], "phases": {"enforce": "2023-03-15"}}
BACK_SECONDS = 30
PROBES = 16
"""Sockets enough to meet every worker."""


class Dnsfilter(Subject):
    """dnsfilter: a list of domains; every worker, the manager and the supervisor count as it."""

    name = "dnsfilter"
    settings: dict[str, object]

    def __init__(self, processes: Processes, place: Place) -> None:
        self.metrics_port, self.https_port = free_port(), free_port()
        super().__init__(processes, place)

    def metrics(self) -> dict[str, float]:
        """Return all samples of its endpoint; none while nothing listens."""
        return parse_metrics(fetch(self.metrics_port)[1])

    def processes(self, kind: str) -> list[int]:
        """Return the processes that run one of its modules: worker, manager."""
        return [pid for pid in children(self.running.pid) if f"process.{kind} " in command_line(pid)]

    def pids(self) -> list[int]:
        """Return every process, without the publisher, which ends with its reload."""
        return [self.running.pid, *self.processes("worker"), *self.processes("manager")]

    def restart(self) -> None:
        """Restart its workers one after the other."""
        for pid in self.processes("worker"):
            self.end_process(pid, signal.SIGTERM, "worker")

    def kill(self) -> None:
        """Kill a worker, and wait until the supervisor has another one that is ready."""
        self.end_process(self.processes("worker")[0], signal.SIGKILL, "worker")

    def end_process(self, pid: int, number: signal.Signals, kind: str) -> None:
        """End a process and wait for the one that takes its place."""
        count = len(self.processes(kind))
        os.kill(pid, number)
        wait_for(lambda: len(found := self.processes(kind)) == count and pid not in found, BACK_SECONDS)
        wait_for(lambda: all(responds(self.port) for _ in range(PROBES)), BACK_SECONDS)

    @property
    def snapshot(self) -> Path:
        """The file that its workers read their rules from."""
        return self.place.directory / "var" / "snapshot"

    def stored(self) -> int:
        """Return how many sightings the store holds."""
        with contextlib.closing(sqlite3.connect(self.place.directory / "dnsfilter.db")) as connection:
            try:
                (number,) = connection.execute("select coalesce(sum(count), 0) from sightings").fetchone()
            except sqlite3.OperationalError:
                return 0
        return int(number)

    def damage(self) -> None:
        """Cut the published snapshot in half, under the eyes of the workers."""
        os.truncate(self.snapshot, self.snapshot.stat().st_size // 2)

    def is_ready(self) -> bool:
        """Whether it answers and says that it is ready."""
        return fetch(self.metrics_port, "/readyz")[0] == 200 and responds(self.port)

    def _lines(self, names: Sequence[str]) -> list[str]:
        return [f"{name}\n" for name in names]

    def _configure(self) -> None:
        listen: dict[str, object] = {"dns": [f"127.0.0.1:{self.port}"], "metrics": f"127.0.0.1:{self.metrics_port}"}
        if self.tls_port:
            files = {"chain": str(self.place.certificate), "key": str(self.place.certificate)}
            listen |= {"tls": [f"127.0.0.1:{self.tls_port}"], "certificate": files}
            listen |= {"https": [f"127.0.0.1:{self.https_port}"]}
        settings = {
            **default_settings(self.place.upstream),
            "workers": self.place.workers,
            "blocklists": [LIST],
            "policies": [POLICY],
            "listen": listen,
        }
        self.settings = complete(settings, self.place.directory)
        (self.place.directory / "dnsfilter.yaml").write_text(json.dumps(self.settings))

    def _command(self) -> list[str]:
        configuration = self.place.directory / "dnsfilter.yaml"
        return [sys.executable, "-m", "dnsfilter", "serve", "-c", str(configuration)]
