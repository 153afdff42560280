"""Which files this process has open, so that a test can tell that none is left behind."""

import gc
from contextlib import suppress
from pathlib import Path


def open_descriptors() -> frozenset[str]:
    """Return what each open descriptor leads to (a socket by its inode), without those that only garbage holds.

    A difference of two such sets is what was opened in between; what another thread closed meanwhile does not count.
    """
    gc.collect()
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one this loop itself reads, or one closed meanwhile
            found.add(f"{descriptor.name} {descriptor.readlink()}")
    return frozenset(found)
