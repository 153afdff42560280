"""Events and messages with everything filled in that a test does not care about."""

from typing import Any

from dnsfilter.model import Event, EventKind
from dnsfilter.outgoing.message import Message

MORNING = 1_678_867_200.0
"""2023-03-15T08:00:00Z."""

STANDING = {"group": "corporate", "before": "clear", "after": "confirmed", "reason": "seen"}


def event(kind: EventKind = EventKind.CONFIRMED, **fields: Any) -> Event:
    """Return an event about one device."""
    known = {"time": MORNING, "content": STANDING, "device": "d-1", "app": "tiktok", "id": "evt_1"}
    return Event(kind, **{**known, **fields})


def message(kind: EventKind = EventKind.CONFIRMED, *, number: int = 1, outlet: str = "hook", **fields: Any) -> Message:
    """Return a message about one device; `attempts` and the fields of its event may be given."""
    attempts = fields.pop("attempts", 0)
    return Message(number, outlet, event(kind, **fields), attempts)
