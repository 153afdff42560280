"""Load from dnsperf and h2load, and what one run of it tells."""

import base64
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
_REQUESTS = re.compile(r"requests: .* (?P<succeeded>\d+) succeeded, (?P<failed>\d+) failed")
_COUNT = re.compile(r"Queries (completed|lost): +(\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """Queries in a file, how dnsperf (h2load for HTTPS) sends them, and to which of a server's ports."""

    queries: Path
    options: tuple[str, ...]
    transport: str = "plain"


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


def write_requests(path: Path, names: Iterable[str]) -> Path:
    """Write h2load's input: the path of a GET for the A records of each name (RFC 8484 section 4.1)."""
    encoded = (base64.urlsafe_b64encode(encode_query(name)).rstrip(b"=").decode() for name in names)
    path.write_text("".join(f"/dns-query?dns={query}\n" for query in encoded))
    return path


def encode_query(name: str) -> bytes:
    """Return a query for A records with ID 0."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return bytes.fromhex("000001000001000000000000") + labels + b"\0\0\1\0\1"


def run_load(contender: Contender, load: Load) -> Run:
    """Send the load from the other core and account for it."""
    before = contender.cpu_seconds()
    completed, lost = (_ask_over_https if load.transport == "https" else _ask)(contender.ports[load.transport], load)
    after = contender.cpu_seconds()
    spent = {kind: (after[kind] - before[kind]) * 1e6 / max(completed, 1) for kind in after}
    return Run(spent, completed, lost)


def _ask(port: int, load: Load) -> tuple[int, int]:
    program = require_program("dnsperf", "dnsperf")
    target = ["-s", "127.0.0.1", "-p", str(port), "-d", str(load.queries), "-f", "inet"]
    printed = _run(program, *target, *load.options)
    counts = {word: int(number) for word, number in _COUNT.findall(printed)}
    return counts["completed"], counts["lost"]


def _ask_over_https(port: int, load: Load) -> tuple[int, int]:
    program = require_program("h2load", "nghttp2-client")
    printed = _run(program, "-B", f"https://127.0.0.1:{port}", "-i", str(load.queries), *load.options)
    done = _REQUESTS.search(printed)
    assert done, printed
    return int(done["succeeded"]), int(done["failed"])


def _run(*command: str) -> str:
    done = subprocess.run(pinned(OTHER_CORE, *command), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


def measure_idle_latency(contender: Contender, name: str, queries: int = 1000) -> float:
    """Return the median microseconds from query to response when nothing else is asked."""
    packet = encode_query(name)
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
