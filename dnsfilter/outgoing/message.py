"""What waits in the outbox, and what became of an attempt to deliver it."""

from dataclasses import dataclass
from enum import StrEnum

from dnsfilter.model import Event

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 3600.0

_MAX_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One event on its way by one outlet; `number` and the event's id are the same at every attempt."""

    number: int
    outlet: str
    event: Event
    attempts: int = 0


class Fate(StrEnum):
    """What became of an attempt."""

    DELIVERED = "delivered"
    LATER = "later"
    """This message has to wait, others need not."""
    BLOCKED = "blocked"
    """Nothing goes out here for a while."""
    REFUSED = "refused"
    """It will never be taken."""
    RETURNED = "returned"
    """It was not tried."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt; `reason` names no person, `pause` is what the other side asked for, in seconds."""

    fate: Fate
    reason: str = ""
    pause: float = 0.0


def find_pause(attempts: int, asked: float = 0.0) -> float:
    """Return for how many seconds to wait after so many failed attempts, at least what the other side asked for."""
    doubled: float = FIRST_PAUSE * 2 ** min(max(0, attempts - 1), _MAX_DOUBLINGS)
    return max(min(doubled, LONGEST_PAUSE), asked)
