"""A dry run: what would go out lies in a directory of the state, a file each, the latest of them."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from dnsfilter.delivery.threads import call
from dnsfilter.outgoing.message import Fate, Message, Result

DIRECTORY = "dry-run"
"""Below the state directory."""

MAX_FILES = 1_000


class Rehearsal:
    """One outlet that only writes; `render` returns a message's bytes, or says with ValueError why it has none."""

    def __init__(self, directory: Path, ending: str, render: Callable[[Message], bytes]) -> None:
        self._directory, self._ending, self._render = directory, ending, render

    async def deliver(self, message: Message) -> Result:
        """Write a file."""
        try:
            content = self._render(message)
        except ValueError as error:
            return Result(Fate.REFUSED, str(error))
        name = f"{int(message.event.time):012}-{message.event.id}-{message.number}.{self._ending}"
        try:
            await call(lambda: self._write(name, content))
        except OSError as error:
            return Result(Fate.BLOCKED, f"{self._directory}: {error.strerror}")
        return Result(Fate.DELIVERED)

    async def close(self) -> None:
        """Do nothing: nothing stays open."""

    def _write(self, name: str, content: bytes) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        for old in sorted(self._directory.iterdir())[:-MAX_FILES]:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
