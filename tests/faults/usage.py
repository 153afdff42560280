"""What the kernel tells of a server's processes: memory, descriptors, time on a processor."""

import os
from collections.abc import Iterable
from pathlib import Path

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def resident_megabytes(pids: Iterable[int]) -> float:
    """Return the memory of processes together; shared pages count in part for each (proportional set size)."""
    return sum(_proportional_kilobytes(pid) for pid in pids) / 1024


def _proportional_kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def touched_megabytes(pids: Iterable[int]) -> float:
    """Return the memory of processes together, shared pages for each: all that costs nothing to ask under load.

    For the proportional size the kernel walks through all pages, and the process must wait for it meanwhile.
    """
    return sum(_resident_pages(pid) for pid in pids) * _PAGE_SIZE / 2**20


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # it has ended meanwhile
        return 0


def count_descriptors(pids: Iterable[int]) -> int:
    """Return how many files processes hold open."""
    return sum(_count_descriptors(pid) for pid in pids)


def _count_descriptors(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:  # it has ended meanwhile
        return 0


def busy_milliseconds(pids: Iterable[int]) -> float:
    """Return the time that all threads of processes have spent on a processor."""
    return sum(_busy_nanoseconds(file) for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


def _busy_nanoseconds(file: Path) -> int:
    try:
        return int(file.read_text().split()[0])
    except OSError:  # it has ended meanwhile
        return 0
