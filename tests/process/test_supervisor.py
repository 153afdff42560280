"""The supervisor, as a process that keeps small shell scripts running."""

import os
import signal
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.processes import Processes, Running, children, wait_until

FAMILY = """
import asyncio, logging
from dnsfilter.process import supervisor
from dnsfilter.process.supervisor import Part, supervise
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
supervisor.LONG_LIFE = {long_life}
supervisor.END_TIMEOUT = {end_timeout}
asyncio.run(supervise({parts}))
print("ended in order")
"""


class House:
    """A directory with a log that the scripts write, and a supervisor that runs them."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self._processes = processes
        self.log = directory / "log"
        self.log.touch()

    def start(self, *parts: str, long_life: float = 10.0, end_timeout: float = 8.0, lines: int = 1) -> Running:
        """Start a supervisor with these parts, written as Python; return once the log has so many lines."""
        code = textwrap.dedent(FAMILY).format(
            parts=f"[{', '.join(parts)}]", long_life=long_life, end_timeout=end_timeout
        )
        return self._processes.start(
            "supervisor", [sys.executable, "-c", code], lambda _: len(self.lines) >= lines, seconds=10
        )

    def part(self, name: str, script: str, more: str = "") -> str:
        """Return a part that runs a shell script; in it `$LOG` is the log."""
        return f"Part({name!r}, ['sh', '-c', {'LOG=' + str(self.log) + '; ' + script!r}]{more})"

    @property
    def lines(self) -> list[str]:
        """What the scripts have written."""
        return self.log.read_text().splitlines()


@pytest.fixture
def house(tmp_path: Path, processes: Processes) -> House:
    return House(tmp_path, processes)


WAIT = "sleep 1000 & wait $!"
"""Wait as a process that takes signals at once."""


def said(name: str, on: str = "TERM", after: float = 0) -> str:
    """Return the script of a process that notes a signal, after a while; SIGTERM ends it."""
    ending = "kill %1; exit 0" if on == "TERM" else ":"
    handler = f"sleep {after}; echo {name} >> $LOG; {ending}"
    return f"trap '{handler}' {on}; echo up >> $LOG; while true; do {WAIT}; done"


def test_restarts_after_growing_pauses(house: House) -> None:
    """A process that dies at once comes back at once the first times, then ever later, and the log says so."""
    running = house.start(house.part("dies", "date +%s.%N >> $LOG; exit 3"), lines=6)
    gaps = [second - first for first, second in pairwise(map(float, house.lines[:6]))]
    for gap, expected in zip(gaps, (0.1, 0.2, 0.4, 0.8, 1.6), strict=True):
        assert expected <= gap < expected + 0.5
    assert "dnsfilter.supervisor: dies ended with status 3; starting it again" in running.output
    assert running.stop() == 0


def test_a_long_life_is_forgiven(house: House) -> None:
    """A process that lived for long is started again at once, however often that happens."""
    house.start(house.part("lives", "date +%s.%N >> $LOG; sleep 0.4"), long_life=0.3, lines=5)
    gaps = [second - first for first, second in pairwise(map(float, house.lines[:5]))]
    assert all(0.4 <= gap < 0.7 for gap in gaps)


def test_an_orderly_end_is_no_failure(house: House) -> None:
    """A process that ends with 0, as in a rolling restart, is started again at once each time."""
    house.start(house.part("ends", "date +%s.%N >> $LOG; sleep 0.2; exit 0"), lines=6)
    gaps = [second - first for first, second in pairwise(map(float, house.lines[:6]))]
    assert sum(gaps) < 5 * 0.2 + 1


def test_the_others_do_not_notice(house: House) -> None:
    """While one process dies again and again another keeps its life."""
    running = house.start(house.part("dies", "echo died >> $LOG; exit 1"), house.part("lives", WAIT), lines=4)
    assert len(children(running.pid)) in {1, 2}
    assert "lives ended" not in running.output


def test_sigterm_ends_all_in_order(house: House) -> None:
    """SIGTERM reaches one after the other, each only when the one before has ended, and the supervisor ends with 0."""
    parts = [house.part("a", said("first", after=0.3)), house.part("b", said("second")), house.part("c", said("third"))]
    running = house.start(*parts, lines=3)
    family = children(running.pid)
    assert running.stop() == 0
    assert house.lines[3:] == ["first", "second", "third"]
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    assert "ended in order" in running.output


def test_sigint_is_like_sigterm(house: House) -> None:
    """Ctrl-C ends everything without a traceback."""
    running = house.start(house.part("a", said("first")))
    running.send(signal.SIGINT)
    assert running.process.wait(5) == 0
    assert "Traceback" not in running.output


def test_who_ignores_sigterm_is_killed(house: House) -> None:
    """A process that does not end is killed after a while, and the next ones still end in order."""
    stubborn = "trap '' TERM; echo up >> $LOG; while true; do sleep 0.1; done"
    running = house.start(house.part("a", stubborn), house.part("b", said("second")), end_timeout=0.5, lines=2)
    family = children(running.pid)
    started = time.monotonic()
    assert running.stop() == 0
    assert 0.5 <= time.monotonic() - started < 4
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "all are gone")
    assert house.lines[-1] == "second"
    assert "a did not end" in running.output


def test_ends_during_a_pause(house: House) -> None:
    """SIGTERM while a process is about to be started again does not wait for the pause."""
    running = house.start(house.part("dies", "echo died >> $LOG; exit 1"), lines=5)
    started = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - started < 0.6


RELOADING = """
import signal, sys, time
log = sys.argv[1]
write = lambda text: print(text, file=open(log, "a"), flush=True)
write("up")
time.sleep({deaf})
signal.signal(signal.SIGHUP, lambda *_: write("reloaded"))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
while True:
    signal.pause()
"""


def reloading(house: House, deaf: float = 0) -> str:
    """Return a part that takes SIGHUP once it has been deaf to it for a while."""
    code = RELOADING.format(deaf=deaf)
    return f"Part('reloads', [{sys.executable!r}, '-c', {code!r}, {str(house.log)!r}], reloads=True)"


def test_sighup_is_for_those_that_reload(house: House) -> None:
    """SIGHUP reaches processes that reload; the others would die of it and do not."""
    running = house.start(reloading(house), house.part("serves", said("ended")), lines=2)
    family = children(running.pid)
    for number in range(1, 4):
        running.send(signal.SIGHUP)
        wait_until(lambda number=number: len(house.lines) == 2 + number, "reloaded")  # type: ignore[misc]
    assert house.lines[2:] == ["reloaded"] * 3
    assert children(running.pid) == family


def test_sighup_before_it_can_be_taken_waits(house: House) -> None:
    """A process that is told to reload while it starts does not die of it, and reloads once it can."""
    running = house.start(reloading(house, deaf=0.5))
    family = children(running.pid)
    for _ in range(3):
        running.send(signal.SIGHUP)
        time.sleep(0.05)
    wait_until(lambda: len(house.lines) > 1, "reloaded")
    assert house.lines == ["up", "reloaded"]
    assert children(running.pid) == family


HANDING_OVER = """
import os, signal, socket, sys, time
log, delay = sys.argv[1], float(sys.argv[2])
write = lambda text: print(text, os.getpid(), file=open(log, "a"), flush=True)
line = socket.socket(fileno=int(os.environ["DNSFILTER_LIFELINE"]))
def leave(*_):
    write("leaving")
    try:
        line.send(b"L")
        line.recv(1)
    except OSError:
        pass
    write("ended")
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
time.sleep(delay)
write("ready")
line.send(b"R")
while True:
    signal.pause()
"""


def handing_over(house: House, delay: float = 0.3) -> str:
    """Return a part that takes a while to be ready, and serves until its successor is."""
    command = [sys.executable, "-c", HANDING_OVER, str(house.log), str(delay)]
    return f"Part('serves', {command!r}, hands_over=True)"


def test_a_successor_is_there_before_the_end(house: House) -> None:
    """Who is told to end and hands over ends only once the next one is ready."""
    running = house.start(handing_over(house))
    for count in range(1, 4):
        (first,) = children(running.pid)
        os.kill(first, signal.SIGTERM)
        wait_until(lambda count=count: len(house.lines) == 1 + 3 * count, "handed over")  # type: ignore[misc]
        said_so = [line.split() for line in house.lines[-3:]]
        assert [word for word, _ in said_so] == ["leaving", "ready", "ended"]
        assert [int(pid) == first for _, pid in said_so] == [True, False, True]
        wait_until(lambda: len(children(running.pid)) == 1, "one is left")
    assert running.stop() == 0
    assert running.output == "ended in order\n"


def test_nobody_hands_over_at_the_end(house: House) -> None:
    """When everything ends nobody waits for a successor, also not who was waiting for one."""
    running = house.start(handing_over(house, delay=1))
    (first,) = children(running.pid)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: len(children(running.pid)) == 2, "the next one is on its way")
    assert running.stop() == 0
    assert house.lines.count(f"ended {first}") == 1
    assert sum(line.startswith("ready") for line in house.lines) == 1
    assert running.output == "ended in order\n"


def test_ctrl_c_while_something_starts(house: House) -> None:
    """A terminal's Ctrl-C goes to all of them, also to one that still starts: it ends with the others, untold."""
    code = f"import time; print('up', file=open({str(house.log)!r}, 'a'), flush=True); time.sleep(1000)"
    running = house.start(f"Part('starts', {[sys.executable, '-c', code]!r})")
    (starting,) = children(running.pid)
    os.kill(starting, signal.SIGINT)
    time.sleep(0.3)
    running.send(signal.SIGINT)
    wait_until(lambda: not running.is_alive, "everything has ended")
    assert running.output == "ended in order\n"


SLOWLY = """
import asyncio, os, signal
from dnsfilter.process.supervisor import Part, supervise
start, started = asyncio.create_subprocess_exec, []
async def start_slowly(*command, **options):
    process = await start(*command, **options)
    started.append(process)
    if len(started) == 2:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.2)
    return process
asyncio.create_subprocess_exec = start_slowly
asyncio.run(supervise([{part}]))
print("ended in order")
"""


def test_a_successor_that_is_just_being_started(house: House, processes: Processes) -> None:
    """What is being started when everything ends is told so too: nothing waits for it until it is killed."""
    code = SLOWLY.format(part=handing_over(house))
    running = processes.start("supervisor", [sys.executable, "-c", code], lambda _: house.lines)
    (first,) = children(running.pid)
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: not running.is_alive, "everything has ended")
    assert running.output == "ended in order\n"


@pytest.mark.parametrize(
    ("command", "reason"), [("/no/such/program", "No such file or directory"), ("/etc/passwd", "Permission denied")]
)
def test_a_command_that_cannot_be_executed(house: House, command: str, reason: str) -> None:
    """It is one line that names command and reason, the others run, and SIGTERM still ends all."""
    running = house.start(f"Part('broken', [{command!r}, 'x'])", house.part("b", said("second")))
    time.sleep(1)
    lines = [line for line in running.output.splitlines() if "broken" in line]
    assert lines == [f"dnsfilter.supervisor: broken cannot be started: {command}: {reason}; starting it again"]
    assert "Traceback" not in running.output
    assert running.stop() == 0
    assert house.lines[-1] == "second"


def test_a_command_that_appears_later(house: House, tmp_path: Path) -> None:
    """What could not be executed is tried again, and runs once it is there."""
    program = tmp_path / "program"
    house.start(f"Part('late', [{str(program)!r}])", lines=0)
    program.write_text(f"#!/bin/sh\necho here >> {house.log}\nexec sleep 1000\n")
    program.chmod(0o700)
    wait_until(lambda: house.lines == ["here"], "it runs", 8)


def test_descriptors_are_inherited_each_time(house: House) -> None:
    """A process has the descriptors of its part and no other's, also after it was started again."""
    script = "[ -e /proc/$$/fd/50 ] && echo {name} has it >> $LOG || echo {name} lacks it >> $LOG; exit 1"
    one = house.part("one", script.format(name="one"), ", [__import__('os').dup2(0, 50)]")
    house.start(one, house.part("two", script.format(name="two")), lines=6)
    assert set(house.lines) == {"one has it", "two lacks it"}
