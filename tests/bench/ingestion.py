"""Sightings from a worker's journal to the store, as they go: over the channel, through a manager, on the clock.

Part of `python -m tests.bench.devices`. What others do on the machine meanwhile slows the clock; the seconds of the
processor beside it tell.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from dnsfilter.channel import Sender
from dnsfilter.journal import MAX_SIGHTINGS, Journal
from dnsfilter.model import Sighting
from dnsfilter.process.manager import CLIENTS_SECONDS
from dnsfilter.process.publisher import publish
from tests.processes import Processes, Running, free_port, wait_until

IDLE_SECONDS = CLIENTS_SECONDS + 1.0
"""A manager that has just been started does nothing for a while before it reads the inventory."""
IDLE_SHARE = 0.1


def measure_ingestion(
    directory: Path, settings: Mapping[str, Any], sightings: Sequence[Sighting], bar: int
) -> Iterator[str]:
    """Send sightings to a manager that has nothing else to do, until its store holds all of them."""
    file, port = directory / "ingestion.yaml", free_port()
    own = {"state": str(directory / "ingestion"), "listen": {"metrics": f"127.0.0.1:{port}"}}
    file.write_text(json.dumps({"upstreams": [{"servers": ["192.0.2.53"]}], **settings, **own}))
    state = Path(publish(file)[0].configuration.state)
    with Processes(directory) as processes:
        command = [sys.executable, "-m", "dnsfilter.process.manager", str(state), str(file)]
        manager = processes.start("manager", command, lambda _: (state / "manager.sock").exists())
        _wait_until_idle(manager)
        cpu, clock = _cpu_seconds(manager), time.monotonic()
        asyncio.run(_send(state, sightings))
        wait_until(lambda: _stored(state) == len(sightings), "stored", 600)
        clock, cpu = time.monotonic() - clock, _cpu_seconds(manager) - cpu
    rates = f"{len(sightings) / clock:,.0f} a second (bar {bar:,}), {len(sightings) / cpu:,.0f} per CPU second"
    yield f"{len(sightings):,} sightings from journal to store: {rates} of the manager"


async def _send(state: Path, sightings: Sequence[Sighting]) -> None:
    journal = Journal("worker-0", "bench")
    sender = Sender(state, journal)
    for start in range(0, len(sightings), MAX_SIGHTINGS):
        for sighting in sightings[start : start + MAX_SIGHTINGS]:
            journal.note(sighting)
        if not await sender.flush():
            raise RuntimeError("the manager takes nothing")
    sender.close()


def _wait_until_idle(process: Running) -> None:
    """Wait for a process that has just been started to have read what it reads."""
    before = -1.0
    while (now := _cpu_seconds(process)) - before > IDLE_SHARE * IDLE_SECONDS:
        before = now
        time.sleep(IDLE_SECONDS)


def _cpu_seconds(process: Running) -> float:
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _stored(state: Path) -> int:
    with closing(sqlite3.connect(state / "dnsfilter.db")) as connection:
        (number,) = connection.execute("select coalesce(sum(count), 0) from sightings").fetchone()
    return int(number)
