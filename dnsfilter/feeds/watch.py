"""Notices that a file was replaced or rewritten, by looking; works on every file system and after any rename."""

from pathlib import Path

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
