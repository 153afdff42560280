"""A manager process and the directory it works in, driven through its channel, its endpoint and its files."""

import asyncio
import contextlib
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from dnsfilter.channel import Sender
from dnsfilter.journal import Journal
from dnsfilter.process.publisher import publish
from tests.processes import Processes, Running, free_port

BLOCKLIST = "app: own\nentries:\n  - {suffix: www.example, role: web, grade: weak}\n"


class Managed:
    """A manager and the directory it works in."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self._settings = settings
        self.port = free_port()
        self.file = directory / "dnsfilter.yaml"
        self.configure()
        self.state = Path(publish(self.file)[0].configuration.state)

    def configure(self, blocklist: str = BLOCKLIST) -> None:
        """Write configuration, inventory and list."""
        (self.directory / "own.yaml").write_text(blocklist)
        (self.directory / "devices.csv").write_text("id,ip\nphone,192.0.2.1\n")
        settings = {
            "listen": {"metrics": f"127.0.0.1:{self.port}"},
            "upstreams": [{"servers": ["192.0.2.53"]}],
            "blocklists": [{"name": "own", "file": "own.yaml"}],
            "policies": [{"name": "own", "blocklists": ["own"], "phases": {"enforce": "2023-03-15"}}],
            "inventory": "devices.csv",
            **self._settings,
        }
        self.file.write_text(json.dumps(settings))

    def start(self, processes: Processes) -> Running:
        """Start the manager; return once it listens."""
        command = [sys.executable, "-m", "dnsfilter.process.manager", str(self.state), str(self.file)]
        return processes.start("manager", command, lambda _: self.fetch("/healthz")[0] == 200)

    def fetch(self, path: str) -> tuple[int, str]:
        """Return status and body; status 0 when nothing listens."""
        return asyncio.run(_fetch(self.port, path))

    def metric(self, series: str) -> float | None:
        """Return one sample."""
        lines = self.fetch("/metrics")[1].splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"dnsfilter_{series} ")), None)

    def report(self, journal: Journal) -> bool:
        """Send a journal as a worker does."""

        async def send() -> bool:
            sender = Sender(self.state, journal)
            try:
                return await sender.flush()
            finally:
                sender.close()

        return asyncio.run(send())

    def stored(self) -> int:
        """Return how many sightings are in the store, 0 before it has begun."""
        with contextlib.closing(sqlite3.connect(self.state / "dnsfilter.db")) as connection:
            try:
                (number,) = connection.execute("select coalesce(sum(count), 0) from sightings").fetchone()
            except sqlite3.OperationalError:
                return 0
        return int(number)


async def _fetch(port: int, path: str) -> tuple[int, str]:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0, ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body
