"""Notices that a file was replaced or rewritten, by looking; works on every file system and after any rename."""

from collections.abc import Collection, Iterable
from pathlib import Path

MAX_UNSETTLED = 8
"""Looks after which a file that never stops changing is taken as it is."""

_Signature = tuple[int, int, int]


class Watch:
    """One file; what it looked like at construction counts as known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._look()

    def changed(self) -> bool:
        """Whether the file is another one than at the last call."""
        seen = self._look()
        if seen == self._known:
            return False
        self._known = seen
        return True

    def _look(self) -> _Signature | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        # Nothing can have changed in an empty file; those of /proc look empty and have another time at every look.
        return status.st_ino, status.st_mtime_ns if status.st_size else 0, status.st_size


class Watches:
    """Several files, of which somebody may be writing one: a change is told once nothing has changed for one look.

    Where somebody knows which files are `finished`, and which are `writing`, that counts instead.

    What was written after `since` (seconds since the epoch) is a change, too; later files count as known.
    """

    def __init__(self, paths: Iterable[Path], since: float) -> None:
        self._watches: dict[Path, Watch] = {}
        self.adopt(paths)
        self._changed = {path for path in self._watches if _is_newer(path, since)}
        self._looks = 0

    def adopt(self, paths: Iterable[Path]) -> None:
        """Watch these files from now on; of those watched before every change since the last look will be told."""
        self._watches = {path: self._watches.get(path) or Watch(path) for path in paths}

    def take_changed(self, finished: Collection[Path] = (), writing: Collection[Path] = ()) -> set[Path]:
        """Return the files that have changed, once they are settled, and forget it."""
        fresh = {path for path, watch in self._watches.items() if watch.changed()}
        self._changed |= fresh
        self._looks = self._looks + 1 if fresh.difference(finished) else 0
        if not self._changed or 0 < self._looks < MAX_UNSETTLED or not self._changed.isdisjoint(writing):
            return set()
        taken, self._changed, self._looks = self._changed, set(), 0
        return taken

    def skip(self) -> None:
        """Take every change up to now for known."""
        for watch in self._watches.values():
            watch.changed()
        self._changed, self._looks = set(), 0


def _is_newer(path: Path, since: float) -> bool:
    try:
        return path.stat().st_mtime > since
    except OSError:
        return False
