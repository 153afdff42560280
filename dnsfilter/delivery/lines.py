"""Writes events as JSON lines: to a file, or to standard output."""

import os
import select
import socket
import sys

from dnsfilter import __version__
from dnsfilter.delivery.threads import call
from dnsfilter.outgoing.ecs import write_line
from dnsfilter.outgoing.message import Fate, Message, Result

MODE = 0o640
"""Whoever ships logs reads them by its group."""


class FileLines:
    """One file, opened for each line: a file that was moved away (logrotate) is begun anew without being told."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def deliver(self, message: Message) -> Result:
        """Append a line."""
        line = write_line(message.event, socket.gethostname(), __version__) + b"\n"
        try:
            await call(lambda: self._append(line))
        except OSError as error:
            return Result(Fate.BLOCKED, f"{self._path}: {error.strerror}")
        return Result(Fate.DELIVERED)

    async def close(self) -> None:
        """Do nothing: nothing stays open."""

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, line) < len(line):
                os.ftruncate(descriptor, size)  # the disk is full: half a line is none
                raise OSError(28, "no space left for a whole line")
        finally:
            os.close(descriptor)


class StandardOutput:
    """The standard output of the service."""

    async def deliver(self, message: Message) -> Result:
        """Write a line, unless whoever reads it does not keep up."""
        descriptor = sys.stdout.fileno()
        try:
            if not select.select([], [descriptor], [], 0)[1]:
                return Result(Fate.BLOCKED, "nobody reads standard output")
            line = write_line(message.event, socket.gethostname(), __version__) + b"\n"
            await call(lambda: _write_all(descriptor, line))
        except OSError as error:
            return Result(Fate.BLOCKED, f"standard output: {error.strerror}")
        return Result(Fate.DELIVERED)

    async def close(self) -> None:
        """Leave it open: it is not ours."""


def _write_all(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]
