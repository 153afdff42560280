"""How many cores this process may use: those it is bound to, and what its control groups (version 2) leave it."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def count_cores(own: Path = OWN, root: Path = ROOT) -> int:
    """Return the number of cores, at least 1; a quota of part of a core is rounded up."""
    return max(1, min(len(os.sched_getaffinity(0)), *_quotas(own, root), 256))


def _quotas(own: Path, root: Path) -> Iterator[int]:
    """Find the quotas of this process's control group and of those above it."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            group = root / line.removeprefix("0::/")
            for place in (group, *group.parents):
                if place.is_relative_to(root):
                    yield from _read_quota(place / "cpu.max")


def _read_quota(file: Path) -> Iterator[int]:
    try:
        quota, period = file.read_text().split()
    except (OSError, ValueError):
        return
    if quota.isdecimal() and period.isdecimal() and int(period):
        yield -(-int(quota) // int(period))
