"""How much processor time something takes, and how much any one message may take, on whatever machine this is."""

from collections.abc import Callable
from functools import cache
from time import process_time

BOUND = 0.020
"""Seconds of CPU time that any one message may cost; what is measured is the least of several runs."""

WALKS = 8
"""A slower machine may take as long as it takes to cut 64 KB into their labels so often."""

RUNS = 5


def least(action: Callable[[], object]) -> float:
    """Return the CPU seconds of an action, other load of the machine left out as far as that can be."""
    seconds = []
    for _ in range(RUNS):
        start = process_time()
        action()
        seconds.append(process_time() - start)
    return min(seconds)


@cache
def bound() -> float:
    """Return what a message may cost on this machine."""
    return max(BOUND, WALKS * least(_cut))


def _cut() -> list[bytes]:
    """Do what has to be done at least with 64 KB of labels."""
    message = bytes(65_535)
    return [message[offset : offset + 2] for offset in range(0, len(message), 2)]
