"""The supervisor: keeps processes running, and knows nothing else of them than their commands.

A process that ends is started again: at once when it ended in order, as one does that was told to, else after growing
pauses. SIGTERM ends all of them, in the order given; SIGHUP goes to those that reload.
"""

import asyncio
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LONG_LIFE = 10.0
"""A process that lived this many seconds is started again as if it had never died."""

END_TIMEOUT = 8.0

_log = logging.getLogger("dnsfilter.supervisor")


@dataclass(frozen=True, slots=True)
class Part:
    """One process to keep running: its command, the descriptors it inherits, whether SIGHUP is for it."""

    name: str
    command: Sequence[str]
    descriptors: Sequence[int] = ()
    reloads: bool = False


class _Keeper:
    """Runs one part, over and over."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_ending = False
        self._process: asyncio.subprocess.Process | None = None
        self._status: int | None = None
        self._reason = ""
        """Why it could not be started the last time: said once, not at every attempt."""

    async def keep(self) -> None:
        pause = 0.0
        while True:
            started = monotonic()
            complaint = await self._run()
            if self.is_ending:
                return
            is_forgiven = self._status == 0 or monotonic() - started > LONG_LIFE
            pause = 0.0 if is_forgiven else min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
            if complaint:
                _log.error("%s %s; starting it again", self.part.name, complaint)
            await asyncio.sleep(pause)

    async def _run(self) -> str:
        """Run the process to its end; return what there is to say about it."""
        self._status = None
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.part.command, pass_fds=self.part.descriptors, stdin=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            reason, self._reason = self._reason, f"cannot be started: {self.part.command[0]}: {error.strerror}"
            return "" if reason == self._reason else self._reason
        self._reason = ""
        self._status = await self._process.wait()
        return f"ended with status {self._status}"

    def signal(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)

    async def end(self, keeping: asyncio.Task[None]) -> None:
        """Ask the process to end, insist after a while."""
        self.signal(signal.SIGTERM)
        if self._process is None or self._process.returncode is not None:
            keeping.cancel()
            return
        _, late = await asyncio.wait([keeping], timeout=END_TIMEOUT)
        if late:
            _log.error("%s did not end in %d seconds", self.part.name, END_TIMEOUT)
            self.signal(signal.SIGKILL)


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
    for keeper in keepers:  # a terminal's Ctrl-C goes to all of them at once
        keeper.is_ending = True
    for keeper, task in zip(keepers, tasks, strict=True):
        await keeper.end(task)


def _reload(keepers: Sequence[_Keeper]) -> None:
    for keeper in keepers:
        if keeper.part.reloads:
            keeper.signal(signal.SIGHUP)
