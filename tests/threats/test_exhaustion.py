"""A machine that runs out of descriptors or of disk goes on answering, and recovers without a restart."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.transports import over_tcp, over_udp
from tests.e2e.server import Server, default_settings, start_server
from tests.fakes.messages import ask
from tests.fakes.resolving import addresses_in
from tests.fakes.upstream import FakeUpstream
from tests.processes import Processes, miss, require_program, wait_until

DESCRIPTORS = 200
CONNECTIONS = 150
DISK = "1m"
COUNT = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT coalesce(sum(count), 0) FROM sightings").fetchone()[0])
"""
LISTED = "api16-normal-c-useast1a.tiktokv.com"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as serving:
        yield serving


Start = Callable[..., Server]


@pytest.fixture
def start(upstream: FakeUpstream, processes: Processes, tmp_path: Path) -> Start:
    """Start a dnsfilter through a program that takes something away from it."""

    def start_through(*prefix: str, **settings: Any) -> Server:
        return start_server(processes, tmp_path, {**default_settings(upstream.text), **settings}, prefix)

    return start_through


def answers(server: Server, number: int) -> bool:
    """Whether a name never asked before, a listed one, and one over TCP have their answers."""
    new, listed = over_udp(server, ask(f"a{number}.example")), over_udp(server, ask(LISTED))
    stream = over_tcp(server, ask(f"b{number}.example"))
    return bool(new and listed and stream and addresses_in(new) and addresses_in(listed) and addresses_in(stream))


def test_more_connections_than_descriptors(start: Start) -> None:
    """With every descriptor wanted by idle connections, UDP and new connections are answered, and no worker ends."""
    server = start(require_program("prlimit", "util-linux"), f"--nofile={DESCRIPTORS}")
    workers = server.processes()
    with ExitStack() as stack:
        for number in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 5))
            if number % 50 == 0:
                assert answers(server, number)
        assert answers(server, CONNECTIONS)
    assert answers(server, CONNECTIONS + 1)
    assert server.processes() == workers
    assert "Traceback" not in server.running.output


def test_a_disk_that_is_full(start: Start, tmp_path: Path) -> None:
    """With no octet left for state and store DNS goes on; when there is room again sightings are stored."""
    if os.geteuid():
        miss("needs root, to mount a file system of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={DISK} tmpfs {disk} && exec "$0" "$@"'
    prefix = [require_program("unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-c", mount]
    server = start(*prefix, state=str(disk / "var"), store={"url": f"sqlite:///{disk / 'dnsfilter.db'}"})
    store = disk / "dnsfilter.db"
    inside = Path("/proc", str(server.running.pid), "root", *disk.parts[1:])
    assert answers(server, 99)
    wait_until(lambda: stored(server, store), "a first sighting is stored")
    fill(inside / "filler")
    workers, before = server.processes(), stored(server, store)
    for number in range(50):
        assert answers(server, number)
    wait_until(lambda: "disk is full" in server.running.output, "one line says so")
    (inside / "filler").unlink()
    assert server.processes() == workers
    wait_until(lambda: answers(server, 51) and stored(server, store) > before, "sightings are stored", 60)
    assert "Traceback" not in server.running.output


def fill(file: Path) -> None:
    """Take all the room that is left."""
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(4096)):
            pass


def stored(server: Server, store: Path) -> int:
    """Return how many sightings a store holds that lies where only the server sees it; none where there is no store."""
    enter = [require_program("nsenter", "util-linux"), "--target", str(server.running.pid), "--mount"]
    done = subprocess.run(
        [*enter, sys.executable, "-c", COUNT, str(store)], capture_output=True, text=True, check=False, timeout=20
    )
    return int(done.stdout or 0)
