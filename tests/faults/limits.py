"""The machine runs short of something, or lies: descriptors, disk, time, files."""

import time
from contextlib import ExitStack
from pathlib import Path
from subprocess import run as run_program

from tests.faults.crowd import open_connections
from tests.faults.load import Result, Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.ours import Dnsfilter
from tests.faults.programs import compile_helper
from tests.faults.servers import wait_for
from tests.faults.streams import ask_over_tcp
from tests.processes import require_program

STREAMS = [
    Stream("blocked", "blocked.example", 200),
    Stream("cached", "c#.cached.example", 200, 100),
    Stream("miss", "m#.new.example", 100),
]
DAY = 86_400
FSYNC_MICROSECONDS = 2_000_000
RECOVERY_SECONDS = 20


def judge(result: Result) -> list[Measure]:
    """Return what holds under all of these faults: DNS is unaffected."""
    sample = result.of()
    return [
        count("lost", sample.lost),
        count("SERVFAIL", sample.servfail),
        count("listed names resolved", result.of("blocked").count(lambda each: each.is_resolved)),
        milliseconds("p99", sample.milliseconds(0.99)),
    ]


def run_out_of_descriptors(trial: Trial) -> list[Measure]:
    """Start under `ulimit -n 256`, open more connections than that, and close them again."""
    prefix = [require_program("prlimit", "util-linux"), "--nofile=256:256"]
    server = trial.start(prefix=prefix, connections=30)
    load = trial.load(server.port, STREAMS)
    time.sleep(1)
    with ExitStack() as stack:
        open_connections(server.port, 600, 0, stack)
        time.sleep(trial.choose(5, 1.5))
    recovered = wait_for(lambda: ask_over_tcp(server.port, "blocked.example", 1), RECOVERY_SECONDS)
    return [*judge(load.end()), milliseconds("TCP again after", recovered * 1000, 2000)]


def fill_disk(trial: Trial) -> list[Measure]:
    """Keep the server's directory on a small disk, fill it, and make room again."""
    disk = trial.directory / "disk"
    disk.mkdir()
    run_program(["mount", "-t", "tmpfs", "-o", "size=24m", "dnsfilter-faults", str(disk)], check=True)
    try:
        return _fill(trial, disk)
    finally:
        trial.processes.end()
        run_program(["umount", str(disk)], check=False)


def _fill(trial: Trial, disk: Path) -> list[Measure]:
    server = trial.start(directory=disk)
    load = trial.load(server.port, STREAMS)
    time.sleep(trial.choose(3, 1))
    stuffing = disk / "stuffing"
    try:
        with stuffing.open("wb", buffering=0) as file:
            while file.write(bytes(65536)):
                pass
    except OSError:
        time.sleep(trial.choose(15, 3))
    more = [_count_state(server)] if isinstance(server, Dnsfilter) else []
    stuffing.unlink()
    time.sleep(trial.choose(3, 1))
    result = load.end()
    if isinstance(server, Dnsfilter):
        more.append(_measure_accounting(server, result.of("blocked").count(lambda each: each.is_blocked)))
    return [*judge(result), *more]


def _count_state(server: Dnsfilter) -> Measure:
    alive = server.metrics().get("dnsfilter_workers_alive", 0)
    return count("workers not alive on a full disk", int(server.place.workers - alive))


def _measure_accounting(server: Dnsfilter, blocked: int) -> Measure:
    """Wait until the store has what was seen; return how many sightings are neither stored nor counted as dropped."""

    def missing() -> int:
        return blocked - server.stored() - int(server.metrics().get("dnsfilter_journal_dropped_total", 0))

    wait_for(lambda: missing() == 0, RECOVERY_SECONDS)
    return count("sightings neither stored nor counted as dropped", abs(missing()))


def slow_the_disk(trial: Trial) -> list[Measure]:
    """Let every fsync take two seconds."""
    shim, slowness = compile_helper(trial.directory, "shim"), trial.directory / "slowness"
    slowness.write_text("0")
    server = trial.start(environment={"LD_PRELOAD": str(shim), "FAULTS_FSYNC": str(slowness)})
    load = trial.load(server.port, STREAMS)
    time.sleep(1)
    slowness.write_text(str(FSYNC_MICROSECONDS))
    server.reload()
    time.sleep(trial.choose(10, 3))
    slowness.write_text("0")
    return judge(load.end())


def move_the_clock(trial: Trial) -> list[Measure]:
    """Set the date a day ahead, then a day back, while it runs; the load's own clock stays."""
    shim, offset = compile_helper(trial.directory, "shim"), trial.directory / "offset"
    offset.write_text("0")
    server = trial.start(environment={"LD_PRELOAD": str(shim), "FAULTS_CLOCK": str(offset)})
    load = trial.load(server.port, STREAMS)
    for seconds in (0, DAY, -DAY, 0):
        offset.write_text(str(seconds))
        time.sleep(trial.choose(3, 1.2))
    return judge(load.end())


def damage_files(trial: Trial) -> list[Measure]:
    """Cut in half on disk what the rules are read from, then make it good."""
    server = trial.start(names=[f"n{number}.listed.example" for number in range(10_000)] + ["blocked.example"])
    load = trial.load(server.port, STREAMS)
    time.sleep(1)
    server.damage()
    time.sleep(trial.choose(3, 2.5))
    repaired = time.monotonic()
    server.repair()
    recovered = wait_for(lambda: server.running.is_alive and server.is_blocked("blocked.example"), 10)
    time.sleep(1)
    result = load.end()
    return [*judge(result), milliseconds("recovered after", recovered * 1000, 5000)] if repaired else []


_BAR = "DNS unaffected, state recovers without a restart, what was dropped is counted"
ROWS = [
    Row("descriptors", "`ulimit -n 256` and 600 connections", _BAR, run_out_of_descriptors),
    Row("disk-full", "disk full", _BAR, fill_disk),
    Row("slow-fsync", "every fsync takes 2 s", _BAR, slow_the_disk),
    Row("clock", "clock a day ahead, then a day back", _BAR, move_the_clock),
    Row("truncated", "snapshot (the others: list of names) truncated on disk", _BAR, damage_files),
]
