"""The line between the supervisor and a process that hands over: it says that it is ready, and that it wants to leave.

A process that leaves goes on serving until the line is closed: its successor is ready then, or there will be none.
"""

import asyncio
import os
import socket
from contextlib import suppress

READY = b"R"
LEAVING = b"L"
VARIABLE = "DNSFILTER_LIFELINE"
"""Names the descriptor of the line to the process that has it."""

LONGEST_HANDOVER = 10.0
"""Seconds after which a process leaves without a successor."""


class Line:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)

    @property
    def descriptor(self) -> int:
        """What the process inherits."""
        return self._theirs.fileno()

    def give_away(self) -> None:
        """Leave the other end to the process that has inherited it."""
        self._theirs.close()

    async def hear(self) -> bytes:
        """Return the next word; nothing when the process has ended, or was let go."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._ours, 1)
        except OSError:
            return b""

    def let_go(self) -> None:
        """Tell the process that nobody waits for it any more."""
        with suppress(OSError):  # it has ended already
            self._ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Forget a process that has ended."""
        self._ours.close()


class Lifeline:
    """The end of the process; where nobody keeps it running there is no line, and it leaves at once."""

    def __init__(self, descriptor: str | None) -> None:
        self._line = socket.socket(fileno=int(descriptor)) if descriptor else None
        if self._line:
            self._line.setblocking(False)
            os.set_inheritable(self._line.fileno(), False)

    def say_ready(self) -> None:
        """Say that this process serves, so that the one before may end."""
        self._say(READY)

    async def leave(self) -> None:
        """Say that this process wants to end; return when it may."""
        if not self._say(LEAVING) or not self._line:
            return
        try:
            async with asyncio.timeout(LONGEST_HANDOVER):
                await asyncio.get_running_loop().sock_recv(self._line, 1)
        except (OSError, TimeoutError):
            return

    def _say(self, word: bytes) -> bool:
        try:
            return bool(self._line and self._line.send(word))
        except OSError:
            return False
