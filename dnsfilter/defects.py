"""Defects of ours as a log may hold them: what kind and where, never what they were about, for that may be a name."""

import logging
import traceback
from pathlib import Path


def describe(error: BaseException) -> str:
    """Return the kind of an exception and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


class Defects:
    """Those that were met, each logged once: whoever finds one could fill a disk with it."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._known: set[str] = set()

    def report(self, what: str, error: BaseException) -> None:
        """Log what failed, unless the same did before."""
        defect = f"{what}: {describe(error)}"
        if defect not in self._known:
            self._known.add(defect)
            self._logger.error("%s; further ones are only counted", defect)
