"""The state directory: made where it is missing, held by one running dnsfilter at a time."""

import fcntl
import os
from pathlib import Path

from dnsfilter.errors import InputError, Problem, ProcessError

LOCK_NAME = "lock"


def prepare_state(state: Path) -> None:
    """Make the state directory where it is missing; InputError when that cannot be."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([Problem(f"{state}: cannot be created: {error.strerror}", key="state")]) from None


def hold_state(state: Path) -> int:
    """Hold the state directory until the descriptor returned is closed; ProcessError when another process does."""
    try:
        lock = os.open(state / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ProcessError(f"state: {state} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ProcessError(f"state: {state}: another dnsfilter runs with this state directory") from None
    return lock
