"""Delivers what the outbox hands out: one task for each outlet, so that a slow one keeps no other waiting.

What is in hand here is nobody's loss: the outbox has it until it is told what became of it.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from dnsfilter.delivery.outlet import Outlet
from dnsfilter.outgoing.message import Fate, Message, Result

Settle = Callable[[Message, Result], None]

_log = logging.getLogger("dnsfilter.manager")


class Dispatcher:
    """The outlets in force, each with what it was given to deliver; `settle` is told what became of each message."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._lanes: dict[str, tuple[object, _Lane]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def adopt(self, sections: Mapping[str, object], make: Callable[[str], Outlet]) -> None:
        """Serve the outlets that these sections describe; whose section has not changed goes on undisturbed."""
        for name, (section, lane) in list(self._lanes.items()):
            if sections.get(name) != section:
                del self._lanes[name]
                self._end(lane)
        for name, section in sections.items():
            if name not in self._lanes:
                self._lanes[name] = section, _Lane(name, make(name), self._settle)

    def take(self, messages: Iterable[Message]) -> None:
        """Take messages to deliver."""
        for message in messages:
            if message.outlet in self._lanes:
                self._lanes[message.outlet][1].put(message)
            else:
                self._settle(message, Result(Fate.RETURNED))

    async def close(self) -> None:
        """End all outlets; what was not delivered stays in the outbox."""
        for _, lane in self._lanes.values():
            self._end(lane)
        self._lanes = {}
        if self._ending:
            await asyncio.wait(self._ending)

    def _end(self, lane: "_Lane") -> None:
        task = lane.end()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Lane:
    """One outlet, its queue and its task."""

    def __init__(self, name: str, outlet: Outlet, settle: Settle) -> None:
        self._name, self._outlet, self._settle = name, outlet, settle
        self._waiting: deque[Message] = deque()
        self._has_some = asyncio.Event()
        self._is_blocked = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, message: Message) -> None:
        self._waiting.append(message)
        self._has_some.set()

    def end(self) -> asyncio.Task[None]:
        self._task.cancel()
        return self._task

    async def _run(self) -> None:
        try:
            while await self._has_some.wait():
                while self._waiting:
                    await self._deliver(self._waiting[0])
                self._has_some.clear()
        finally:
            self._return_all()
            with contextlib.suppress(OSError):
                await self._outlet.close()

    async def _deliver(self, message: Message) -> None:
        try:
            result = await self._outlet.deliver(message)
        except Exception as error:  # noqa: BLE001 - one outlet's defect is no other's
            _log.exception("%s: a defect, please report it", self._name)
            result = Result(Fate.BLOCKED, repr(error))
        self._waiting.popleft()
        self._settle(message, result)
        self._tell(message, result)
        if result.fate is Fate.BLOCKED:
            self._return_all()

    def _return_all(self) -> None:
        while self._waiting:
            self._settle(self._waiting.popleft(), Result(Fate.RETURNED))

    def _tell(self, message: Message, result: Result) -> None:
        """Log what is given up, and when nothing goes out any more or does so again."""
        if result.fate is Fate.REFUSED:
            kind, device = message.event.kind, message.event.device or "no device"
            _log.warning("%s: %s for %s is given up: %s", self._name, kind, device, result.reason)
        is_blocked = result.fate is Fate.BLOCKED
        if is_blocked and not self._is_blocked:
            _log.warning("%s: nothing goes out, what waits is tried again: %s", self._name, result.reason)
        elif self._is_blocked and result.fate is Fate.DELIVERED:
            _log.warning("%s: messages go out again", self._name)
        self._is_blocked = is_blocked or (self._is_blocked and result.fate is not Fate.DELIVERED)
