"""Load from dnsperf, and what one run of it tells."""

import re
import socket
import statistics
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contenders import OTHER_CORE, Contender, pinned
from tests.processes import require_program

PAUSE_SECONDS = 0.001
_COUNT = re.compile(r"Queries (completed|lost): +(\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """Queries in a file and how dnsperf sends them."""

    queries: Path
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run against one server: CPU microseconds per answered query by kind of process, and what got lost."""

    microseconds: dict[str, float]
    completed: int
    lost: int

    @property
    def total(self) -> float:
        """CPU microseconds per answered query of all processes together."""
        return sum(self.microseconds.values())


def write_queries(path: Path, names: Iterable[str]) -> Path:
    """Write dnsperf's input: one A query for each name."""
    path.write_text("".join(f"{name} A\n" for name in names))
    return path


def run_load(contender: Contender, load: Load) -> Run:
    """Send the load from the other core and account for it."""
    program = require_program("dnsperf", "dnsperf")
    target = ["-s", "127.0.0.1", "-p", str(contender.port), "-d", str(load.queries), "-f", "inet"]
    before = contender.cpu_seconds()
    command = pinned(OTHER_CORE, program, *target, *load.options)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = contender.cpu_seconds()
    counts = {word: int(number) for word, number in _COUNT.findall(done.stdout)}
    completed = counts["completed"]
    spent = {kind: (after[kind] - before[kind]) * 1e6 / max(completed, 1) for kind in after}
    return Run(spent, completed, counts["lost"])


def measure_idle_latency(contender: Contender, name: str, queries: int = 1000) -> float:
    """Return the median microseconds from query to response when nothing else is asked."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    packet = bytes.fromhex("000001000001000000000000") + labels + b"\0\0\1\0\1"
    seconds: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", contender.port))
        for number in range(queries):
            begin = time.perf_counter()
            client.send(number.to_bytes(2, "big") + packet[2:])
            client.recv(4096)
            seconds.append(time.perf_counter() - begin)
            time.sleep(PAUSE_SECONDS)
    return statistics.median(seconds) * 1e6
