"""What a language must say for notices to be written in it.

Subjects and bodies may use {app}, {device} and {deadline}; a consequence {deadline}; `contact` {contact}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dnsfilter.model import EventKind


class Consequence(Enum):
    """What an order does to a device that has the app, and whether it does already."""

    BLOCKED_LATER = "blocked later"
    BLOCKED_NOW = "blocked now"
    WITHHELD_LATER = "withheld later"
    WITHHELD_NOW = "withheld now"


@dataclass(frozen=True, slots=True)
class Form:
    """One language."""

    code: str
    months: tuple[str, ...]
    date: str
    subjects: Mapping[EventKind, str]
    bodies: Mapping[EventKind, str]
    consequences: Mapping[Consequence, str]
    contact: str
    origin: str

    def format_moment(self, moment: datetime) -> str:
        """Return a local time as people write it, a midnight as its date."""
        text = self.date.format(day=moment.day, month=self.months[moment.month - 1], year=moment.year)
        is_midnight = (moment.hour, moment.minute) == (0, 0)
        return text if is_midnight else f"{text} {moment:%H:%M} ({moment.tzname()})"
