"""What a language must say for notices to be written in it.

Subjects and bodies may use {app}, {device} and {deadline}; a consequence {deadline}; `contact` {contact}. `date` and
`moment` are dates without and with a time of the day; `first` is how the first day of a month is written.
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
    moment: str
    subjects: Mapping[EventKind, str]
    bodies: Mapping[EventKind, str]
    consequences: Mapping[Consequence, str]
    contact: str
    origin: str
    first: str = "1"

    def format_moment(self, moment: datetime) -> str:
        """Return a local time as people write it, a midnight as its date."""
        day = self.first if moment.day == 1 else moment.day
        text = self.date.format(day=day, month=self.months[moment.month - 1], year=moment.year)
        if (moment.hour, moment.minute) == (0, 0):
            return text
        return self.moment.format(date=text, hour=moment.hour, minute=moment.minute, zone=moment.tzname())
