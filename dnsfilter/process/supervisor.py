"""The supervisor: keeps processes running, and knows nothing else of them than their commands.

A process that ends is started again: at once when it ended in order, as one does that was told to, else after growing
pauses. One that hands over has its successor before it ends. SIGTERM ends all of them, in the order given; SIGHUP goes
to those that reload.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from dnsfilter.process.lifeline import LEAVING, READY, VARIABLE, Line

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LONG_LIFE = 10.0
"""A process that lived this many seconds is started again as if it had never died."""

END_TIMEOUT = 8.0

_HELD = {signal.SIGHUP, signal.SIGINT}

_log = logging.getLogger("dnsfilter.supervisor")


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep running: its command, the descriptors it inherits, whether SIGHUP is for it.

    One that hands over has a line to the supervisor (`lifeline`) and shares its descriptors with its successor a while.
    """

    name: str
    command: Sequence[str]
    descriptors: Sequence[int] = ()
    reloads: bool = False
    hands_over: bool = False


@dataclass(frozen=True, slots=True)
class _Life:
    """One process of a part."""

    process: asyncio.subprocess.Process
    line: Line | None

    @property
    def is_over(self) -> bool:
        return self.process.returncode is not None

    def let_go(self) -> None:
        if self.line:
            self.line.let_go()


class _Keeper:
    """Runs one part, over and over."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_ending = False
        self._lives: list[_Life] = []
        """The one that runs, after those that it is about to replace."""
        self._status: int | None = None
        self._reason = ""
        """Why it could not be started the last time: said once, not at every attempt."""

    async def keep(self) -> None:
        pause = 0.0
        while not self.is_ending:
            started = monotonic()
            complaint = await self._run()
            if self.is_ending:
                break
            is_forgiven = self._status == 0 or monotonic() - started > LONG_LIFE
            pause = 0.0 if is_forgiven else min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
            if complaint:
                _log.error("%s %s; starting it again", self.part.name, complaint)
            await asyncio.sleep(pause)
        await asyncio.gather(*(life.process.wait() for life in self._lives))

    async def _run(self) -> str:
        """Run a process until it ends or makes room for another; return what there is to say about it."""
        self._status = None
        self._forget_the_dead()
        try:
            life = await self._start()
        except OSError as error:
            reason, self._reason = self._reason, f"cannot be started: {self.part.command[0]}: {error.strerror}"
            return "" if reason == self._reason else self._reason
        self._reason = ""
        self._lives.append(life)
        if self.is_ending:  # while it was being started, and so nobody has told it
            life.let_go()
            life.process.terminate()
        if life.line and await self._is_leaving(life, life.line):
            self._status = 0
            return ""
        self._status = await life.process.wait()
        return f"ended with status {self._status}"

    async def _start(self) -> _Life:
        line = Line() if self.part.hands_over else None
        inherited = [*self.part.descriptors, *([line.descriptor] if line else [])]
        environment = {**os.environ, VARIABLE: str(line.descriptor)} if line else None
        try:
            with _signals_held():
                process = await asyncio.create_subprocess_exec(
                    *self.part.command, pass_fds=inherited, env=environment, stdin=asyncio.subprocess.DEVNULL
                )
        except OSError:
            if line:
                line.close()
            raise
        finally:
            if line:
                line.give_away()
        return _Life(process, line)

    async def _is_leaving(self, life: _Life, line: Line) -> bool:
        """Listen to a process until it makes room; False when it has ended, or everything ends."""
        while word := await line.hear():
            if word == READY:
                self._let_others_go(life)
            elif word == LEAVING and not self.is_ending:
                return True
        return False

    def _forget_the_dead(self) -> None:
        for life in self._lives:
            if life.is_over and life.line:
                life.line.close()
        self._lives = [life for life in self._lives if not life.is_over]

    def _let_others_go(self, life: _Life) -> None:
        for other in self._lives:
            if other is not life:
                other.let_go()

    def signal(self, number: signal.Signals) -> None:
        for life in self._lives:
            if not life.is_over:
                life.process.send_signal(number)

    async def end(self, keeping: asyncio.Task[None]) -> None:
        """Ask the process to end, insist after a while."""
        for life in self._lives:
            life.let_go()
        self.signal(signal.SIGTERM)
        if all(life.is_over for life in self._lives):
            keeping.cancel()
            return
        _, late = await asyncio.wait([keeping], timeout=END_TIMEOUT)
        if late:
            _log.error("%s did not end in %d seconds", self.part.name, END_TIMEOUT)
            self.signal(signal.SIGKILL)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Start a process with SIGHUP and SIGINT blocked.

    A SIGHUP that comes before it can be taken waits, instead of ending the process. A terminal's Ctrl-C goes to all
    processes at once, also to those that still start; to end them in order is ours.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)


async def supervise(parts: Sequence[Part]) -> None:
    """Run all parts until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    keepers = [_Keeper(part) for part in parts]
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, keepers)
    tasks = [loop.create_task(keeper.keep()) for keeper in keepers]
    await ending.wait()
    for keeper in keepers:  # SIGTERM may have gone to all of them at once
        keeper.is_ending = True
    for keeper, task in zip(keepers, tasks, strict=True):
        await keeper.end(task)


def _reload(keepers: Sequence[_Keeper]) -> None:
    for keeper in keepers:
        if keeper.part.reloads:
            keeper.signal(signal.SIGHUP)
