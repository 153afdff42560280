"""What the kernel says of files in some directories: that somebody writes one, and that he has finished (inotify(7)).

It says nothing of network file systems and of what links lead to: `watch` looks for that. Linux only, which `datagrams`
needs anyway.
"""

import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_MODIFY, _CLOSE_WRITE = 0x02, 0x08
_MOVED_TO = 0x80
_MASK = _MODIFY | _CLOSE_WRITE | _MOVED_TO
_ONLYDIR = 0x0100_0000
_IGNORED = 0x8000

_EVENT = struct.Struct("iIII")
_BUFFER = 1 << 16

_libc = ctypes.CDLL(None, use_errno=True)


class Inotify:
    """One inotify instance; OSError where the kernel has none to give."""

    def __init__(self) -> None:
        self.descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._directories: dict[int, Path] = {}

    def adopt(self, directories: Iterable[Path]) -> None:
        """Listen to these directories from now on; one that is not there is left out."""
        wanted = dict(filter(lambda pair: pair[0] >= 0, ((self._add(path), path) for path in set(directories))))
        for watch in self._directories.keys() - wanted.keys():
            _libc.inotify_rm_watch(self.descriptor, watch)
        self._directories = wanted

    def read(self) -> Iterator[tuple[Path, bool]]:
        """Yield what has happened, in order: a file, and whether it is finished or being written."""
        while events := self._read_some():
            offset = 0
            while offset < len(events):
                watch, mask, _, length = _EVENT.unpack_from(events, offset)
                start = offset + _EVENT.size
                offset = start + length
                if mask & _IGNORED:
                    self._directories.pop(watch, None)
                elif watch in self._directories and length:
                    name = os.fsdecode(events[start:offset].rstrip(b"\0"))
                    yield self._directories[watch] / name, not mask & _MODIFY

    def close(self) -> None:
        """Let the instance go."""
        os.close(self.descriptor)

    def _add(self, directory: Path) -> int:
        return int(_libc.inotify_add_watch(self.descriptor, os.fsencode(directory), _MASK | _ONLYDIR))

    def _read_some(self) -> bytes:
        try:
            return os.read(self.descriptor, _BUFFER)
        except BlockingIOError:
            return b""
