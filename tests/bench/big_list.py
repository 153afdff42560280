"""A list of 1,000,000 names: how long until it is in force, and what it costs in memory with one and two workers."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.dig import dig
from tests.e2e.server import SINKHOLE_IPV4, Server, default_settings, start_server
from tests.processes import Processes, command_line, wait_until

ENTRIES = 1_000_000
TOP_LEVELS = ("com", "net", "org", "info", "xyz", "top", "co.uk", "com.br", "ru", "click")
LIST = {"name": "big", "file": "big.txt", "format": "domains"}
POLICY = {"name": "big", "blocklists": ["big"], "phases": {"enforce": "2023-03-15"}}


def settings_with(directory: Path, entries: int) -> dict[str, Any]:
    """Write a list of so many names, and the one that the benchmark asks for; return settings that block it."""
    write_list(directory / "big.txt", entries)
    with (directory / "big.txt").open("a") as file:
        file.write("tiktokcdn.com\n")
    return {**default_settings("127.0.0.1:9"), "blocklists": [LIST], "policies": [POLICY]}


def write_list(path: Path, entries: int = ENTRIES) -> str:
    """Write names that share nothing but their endings; return the last one."""
    names = [
        f"{number * 2_654_435_761 % 2**32:08x}{number}.{TOP_LEVELS[number % len(TOP_LEVELS)]}"
        for number in range(entries)
    ]
    path.write_text("\n".join(names) + "\n")
    return names[-1]


def memory(pid: int) -> tuple[float, float]:
    """Return resident and proportional set size of a process in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {key: int(rest.split()[0]) / 1024 for key, _, rest in (line.partition(":") for line in lines)}
    return sizes["Rss"], sizes["Pss"]


def reload_seconds(server: Server, directory: Path) -> float:
    """Replace the small list by the big one; return seconds from SIGHUP to the first sinkholed answer."""
    last = write_list(directory / "big.txt")
    begin = time.monotonic()
    server.running.send(signal.SIGHUP)
    wait_until(lambda: dig(server.port, last).rdata("A") == [SINKHOLE_IPV4], "the big list is in force", 120)
    return time.monotonic() - begin


def measure(directory: Path, workers: int) -> tuple[float, dict[str, list[tuple[float, float]]]]:
    """Return the seconds of the reload and the memory of each process, by what it is."""
    (directory / "big.txt").write_text("small.example\n")
    settings = {**default_settings("127.0.0.1:9"), "workers": workers, "blocklists": [LIST], "policies": [POLICY]}
    with Processes(directory) as processes:
        server = start_server(processes, directory, settings)
        seconds = reload_seconds(server, directory)
        family = [server.running.pid, *server.processes()]
        found: dict[str, list[tuple[float, float]]] = {}
        for pid in family:
            command = command_line(pid)
            kind = next(
                (word for word in ("worker", "manager", "publisher") if f"process.{word}" in command), "supervisor"
            )
            found.setdefault(kind, []).append(memory(pid))
    return seconds, found


def make_report(directory: Path) -> Iterator[str]:
    """Say time and memory for one and for two workers."""
    yield f"{ENTRIES:,} names: seconds from SIGHUP to in force; MB resident (proportional) per process"
    totals: list[float] = []
    for workers in (1, 2):
        seconds, found = measure(directory, workers)
        sizes = "; ".join(
            f"{kind} " + ", ".join(f"{rss:.0f} ({pss:.0f})" for rss, pss in each) for kind, each in found.items()
        )
        totals.append(sum(pss for each in found.values() for _, pss in each))
        yield f"workers: {workers}: {seconds:.1f} s; {sizes}"
    yield f"a further worker costs {totals[1] - totals[0]:.0f} MB (proportional); bars 6 s, 60 MB"
