"""Waits until somebody has changed the configuration or a list.

The kernel says so at once; what it cannot see is found by looking now and then.
"""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from dnsfilter.feeds.inotify import Inotify
from dnsfilter.feeds.watch import Watches

LOOK_SECONDS = 0.2
GATHER_SECONDS = 0.05
"""How long files that are written one after the other may be apart and still be one change."""

MAX_WRITING_SECONDS = 30.0
"""For how long somebody who writes a file and does not close it keeps it from being read."""

_log = logging.getLogger("dnsfilter.manager")


class Sources:
    """The files that a reload reads; those written after `since`, seconds since the epoch, have changed."""

    def __init__(self, paths: Iterable[Path], since: float) -> None:
        paths = list(paths)
        self._watches = Watches(paths, since)
        self._inotify = _open()
        self._told = asyncio.Event()
        self._finished: set[Path] = set()
        self._writing: dict[Path, float] = {}
        self._listen(paths)

    def adopt(self, paths: Iterable[Path]) -> None:
        """Wait for changes of these files from now on."""
        paths = list(paths)
        self._watches.adopt(paths)
        self._listen(paths)

    def skip(self) -> None:
        """Take every change up to now for known."""
        self._watches.skip()
        self._finished.clear()

    async def wait(self) -> set[Path]:
        """Return the files that have changed, once there are any and they are settled."""
        loop = asyncio.get_running_loop()
        while True:
            if self._inotify:
                loop.add_reader(self._inotify.descriptor, self._told.set)
            try:
                await asyncio.wait_for(self._told.wait(), LOOK_SECONDS)
            except TimeoutError:
                pass
            finally:
                if self._inotify:
                    loop.remove_reader(self._inotify.descriptor)
            if self._told.is_set():
                self._told.clear()
                await asyncio.sleep(GATHER_SECONDS)
            self._read(loop.time())
            finished, self._finished = self._finished, set()
            if changed := self._watches.take_changed(finished, self._writing):
                return changed

    def close(self) -> None:
        """Let the kernel's ear go."""
        if self._inotify:
            self._inotify.close()

    def _listen(self, paths: Iterable[Path]) -> None:
        if self._inotify:
            self._inotify.adopt(path.parent for path in paths)

    def _read(self, now: float) -> None:
        for path, is_finished in self._inotify.read() if self._inotify else ():
            if is_finished:
                self._finished.add(path)
                self._writing.pop(path, None)
            else:
                self._writing.setdefault(path, now)
        self._writing = {path: since for path, since in self._writing.items() if now < since + MAX_WRITING_SECONDS}


def _open() -> Inotify | None:
    try:
        return Inotify()
    except OSError as error:
        _log.warning("changed files are looked for instead of being told by the kernel: %s", error.strerror)
        return None
