"""What long work is at, for whoever watches a terminal: on standard error, gone when it ends, nothing anywhere else.

A thread writes the line, so that the work itself need not know that somebody watches.
"""

import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

from dnsfilter.cli.output import to_text

SILENT_SECONDS = 0.5
"""What takes less shows nothing."""

REFRESH_SECONDS = 0.2

THREAD = "progress"
_ERASE = "\r\033[K"

Each = TypeVar("Each")


class Progress:
    """One piece of long work in steps; `begin` says which step it is at."""

    def __init__(self) -> None:
        self._step = ""
        self._done = self._of = 0
        self._noun = ""
        self._began = time.monotonic()

    def begin(self, step: str) -> None:
        """Say what is done from now on."""
        self._step, self._done, self._of, self._noun = step, 0, 0, ""
        self._began = time.monotonic()

    def count(self, items: Iterable[Each], noun: str, of: int = 0) -> Iterator[Each]:
        """Yield items and count those done with in this step; `of` is how many there will be, 0 where nobody knows."""
        self._noun, self._of = noun, of
        for item in items:
            yield item
            self._done += 1

    def describe(self, now: float) -> str:
        """Return the line to show."""
        parts = [to_text(self._step)]
        if self._of:
            parts.append(f"{self._done:,} of {self._of:,} {self._noun} ({self._done / self._of:.0%})")
        elif self._noun:
            parts.append(f"{self._done:,} {self._noun}")
        return ", ".join([*parts, f"{now - self._began:.0f} s"])


@contextmanager
def showing(step: str, stream: TextIO | None = None) -> Iterator[Progress]:
    """Show how work goes on until it ends, beginning with this step."""
    progress = Progress()
    progress.begin(step)
    shown = stream or sys.stderr
    if not shown.isatty():
        yield progress
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(progress, shown, ended), name=THREAD, daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        ended.set()
        thread.join()


def _show(progress: Progress, stream: TextIO, ended: threading.Event) -> None:
    pause, is_shown = SILENT_SECONDS, False
    while not ended.wait(pause):
        line = progress.describe(time.monotonic())[: shutil.get_terminal_size().columns - 1]
        stream.write(_ERASE + line)
        stream.flush()
        pause, is_shown = REFRESH_SECONDS, True
    if is_shown:
        stream.write(_ERASE)
        stream.flush()
