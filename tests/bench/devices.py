"""100,000 devices and 1,000,000 sightings: `python -m tests.bench.devices`, and a part of `make bench`.

How many sightings become standings, how long commands and the table of clients take, and whether queries become
dearer. Time is that of the processor, like everywhere here; where rounds are alike the shortest counts.
"""

import argparse
import gc
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dnsfilter.evidence.record import Attribution
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.model import Channel, Grade, Role, Sighting
from dnsfilter.process.devices import DeviceFeed
from dnsfilter.process.manager import GC_THRESHOLDS
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.process.publisher import compile_all, publish
from dnsfilter.store.court import Court
from dnsfilter.store.database import open_store
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import Attributed, record
from dnsfilter.store.writer import MAX_BATCH
from tests.bench.cases import make_cases
from tests.bench.contenders import make_certificate, settings_for, start_dnsfilter, start_echo
from tests.bench.ingestion import measure_ingestion
from tests.bench.load import run_load
from tests.processes import Processes

DEVICES = 100_000
SIGHTINGS = 1_000_000
PIPED = 300_000
SIGHTINGS_BAR, LIST_BAR, PUBLISH_BAR, COST_BAR = 20_000, 2.0, 2.0, 1.05
PSEUDONYMS = Pseudonyms(b"k" * 32)
GROUP = {"name": "corporate", "networks": ["10.0.0.0/8", "127.0.0.0/8"]}
LEASE_END = 4_000_000_000
RULES = (
    ("api*.tiktokv.eu", Grade.STRONG),
    ("rtlog*.tiktokv.eu", Grade.STRONG),
    *[(name, Grade.WEAK) for name in ("tiktokcdn.com", "www.tiktok.com", "tiktokv.eu")],
    *[(f"analytics{number}.tiktok.com", Grade.NONE) for number in range(5)],
)
POLICY = {
    "name": "order",
    "blocklists": ["tiktok"],
    "phases": {"enforce": "2023-03-15", "quarantine": "2023-06-01"},
    "quarantine": {"blocklists": ["professional-apps"]},
}
WITH_THE_APP = 0.02
"""Share of the devices that ask for strong names."""


def address(number: int) -> str:
    """Return the address of a device, below 10.0.0.0/8 with its number in it."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def write_files(directory: Path, leases: int) -> dict[str, Any]:
    """Write an inventory with an address or a MAC for each device, leases for the latter; return settings for them."""
    rows = (
        f"dev-{number},Laptop {number},Owner {number},o{number}@corp.example,corporate,"
        f"02{number:010x},{address(number) if number >= leases else ''}\n"
        for number in range(DEVICES)
    )
    (directory / "devices.csv").write_text("id,name,owner,mail,group,mac,ip\n" + "".join(rows))
    macs = (f"{number:010x}" for number in range(leases))
    lines = (
        f"{LEASE_END} 02:{':'.join(mac[at : at + 2] for at in range(0, 10, 2))} {address(number)} host *\n"
        for number, mac in enumerate(macs)
    )
    (directory / "leases").write_text("".join(lines))
    return {
        "groups": [GROUP],
        "inventory": str(directory / "devices.csv"),
        "leases": [{"file": str(directory / "leases"), "format": "dnsmasq"}],
    }


def batches(now: float) -> Iterator[list[Attributed]]:
    """Yield sightings of all devices as the manager hands them to the store."""
    chance = random.Random(1)
    names = [PSEUDONYMS.of_device(f"dev-{number}") for number in range(DEVICES)]
    for start in range(0, SIGHTINGS, MAX_BATCH):
        batch = []
        for number in range(start, start + MAX_BATCH):
            device = chance.randrange(DEVICES)
            sighting = sight(chance, now - (SIGHTINGS - number) / SIGHTINGS * 3600, device)
            batch.append(Attributed(names[device], "corporate", Attribution.DEVICE, sighting))
        yield batch


def sight(chance: random.Random, seen: float, device: int) -> Sighting:
    """Return a sighting of a device; few of them prove anything."""
    rule, grade = chance.choice(RULES if device < DEVICES * WITH_THE_APP else RULES[2:])
    where = "tiktok", "tiktok", rule, Role.APP_API, grade, Channel.DNS, "sinkhole", "corporate"
    return Sighting(seen, address(device), *where)


def measure_pipeline(directory: Path) -> Iterator[str]:
    """Send sightings of all devices, by their addresses, to a manager."""
    chance, now = random.Random(2), time.time()
    seen = (now - 3600 + number / PIPED * 3600 for number in range(PIPED))
    sightings = [sight(chance, at, chance.randrange(DEVICES)) for at in seen]
    settings = {**write_files(directory, 0), "policies": [POLICY]}
    yield from measure_ingestion(directory, settings, sightings, SIGHTINGS_BAR)


def measure_store(directory: Path) -> Iterator[str]:
    """Write and judge a million sightings, then list the devices by the command."""
    file = directory / "store.yaml"
    store = {"url": f"sqlite:///{directory}/store.db"}
    settings = {"state": str(directory / "state"), "groups": [GROUP], "policies": [POLICY], "store": store}
    file.write_text(json.dumps({"upstreams": [{"servers": ["192.0.2.53"]}], **settings}))
    configuration, lists, _ = compile_all(file)
    engine = open_store(configuration.store.url)
    court = Court(lambda _: None)
    groups = {PSEUDONYMS.of_device(f"dev-{number}"): "corporate" for number in range(DEVICES)}
    court.follow(PolicyOrders(configuration, lists, groups))
    seconds = []
    for batch in batches(time.time()):
        begin = time.process_time()
        court.sit(engine, lambda connection, batch=batch: record(connection, batch))  # type: ignore[misc]
        seconds.append(time.process_time() - begin)
    engine.dispose()
    rate = SIGHTINGS / sum(seconds)
    what = f"{SIGHTINGS:,} sightings of {DEVICES:,} devices"
    yield f"{what}: {rate:,.0f} per CPU second with ruling (bar {SIGHTINGS_BAR:,})"
    for words in (("devices",), ("devices", "--json"), ("devices", "--standing", "confirmed")):
        yield f"dnsfilter {' '.join(words)}: {time_command(file, words):.2f} s (bar {LIST_BAR:.0f})"


def time_command(file: Path, words: tuple[str, ...], rounds: int = 3) -> float:
    """Return the CPU seconds of a command from the shell."""
    found = []
    for _ in range(rounds):
        begin = children_seconds()
        subprocess.run([sys.executable, "-m", "dnsfilter", *words, "-c", file], check=True, stdout=subprocess.DEVNULL)
        found.append(children_seconds() - begin)
    return min(found)


def children_seconds() -> float:
    """Return the CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_clients(directory: Path) -> Iterator[str]:
    """Change the leases of 100,000 devices and publish the table of clients."""
    file = directory / "clients.yaml"
    settings = write_files(directory, DEVICES)
    file.write_text(
        json.dumps({"state": str(directory / "clients"), "upstreams": [{"servers": ["192.0.2.53"]}], **settings})
    )
    state = Path(publish(file)[0].configuration.state)
    gc.set_threshold(*GC_THRESHOLDS)  # as the manager has it
    feed = DeviceFeed(load_configuration(file), state)
    feed.refresh(time.time())
    for name in ("leases", "devices.csv"):
        found = []
        for _ in range(3):
            with (directory / name).open("a") as changed:
                changed.write("\n")
            begin = time.process_time()
            if not feed.refresh(time.time()):
                raise RuntimeError(f"{name} was changed and nothing published")
            found.append(time.process_time() - begin)
        yield f"table of {DEVICES:,} clients after a change of {name}: {min(found):.2f} s (bar {PUBLISH_BAR:.0f})"


def measure_cost(directory: Path, rounds: int, seconds: int) -> Iterator[str]:
    """Compare queries with a table of 100,000 devices to queries with none, in alternation."""
    with Processes(directory) as processes:
        upstream = start_echo(processes, directory)
        contenders = []
        for own in (write_files(directory, 0), {"groups": [GROUP]}):
            home = directory / str(len(contenders))
            home.mkdir()
            contenders.append(start_dnsfilter(processes, home, {**settings_for(directory, upstream), **own}))
        for case in make_cases(directory, seconds):
            if case.name in ("blocked, UDP", "miss, UDP"):
                runs = [
                    [run_load(each, case.load(f"{number}-{at}")).total for at, each in enumerate(contenders)]
                    for number in range(rounds + 1)
                ][1:]
                ratio = statistics.median(many / none for many, none in runs)
                yield f"{case.name} with {DEVICES:,} devices to none: {ratio:.2f} (bar {COST_BAR})"


def make_report(directory: Path, rounds: int = 3, seconds: int = 3) -> Iterator[str]:
    """Say all of it, line by line."""
    yield from measure_store(directory)
    yield from measure_pipeline(directory)
    yield from measure_clients(directory)
    yield from measure_cost(directory, rounds, seconds)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.devices", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        make_certificate(Path(name))
        for line in make_report(Path(name), arguments.rounds, arguments.seconds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
