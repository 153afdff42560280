"""Phases: a function of the policy's dates and of `now`, and of nothing else.

Times are seconds since the epoch; a date without an offset is local to the policy's timezone.
"""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from dnsfilter.model import Phase
from dnsfilter.settings.order import Policy


def to_timestamp(moment: datetime, timezone: str) -> float:
    """Return when a configured moment is, in seconds since the epoch."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))).timestamp()


class Schedule:
    """The phases of one policy in order, each with its start."""

    def __init__(self, policy: Policy, default_timezone: str = "UTC") -> None:
        timezone = policy.timezone or default_timezone
        self.starts = {phase: to_timestamp(policy.phases[phase], timezone) for phase in Phase if phase in policy.phases}

    def phase_at(self, now: float) -> Phase | None:
        """Return the last phase that has begun; where several begin at once, the strictest."""
        begun = [phase for phase, start in self.starts.items() if start <= now]
        return begun[-1] if begun else None

    def next_start(self, now: float) -> float | None:
        """Return when the next phase begins."""
        return earliest(start for start in self.starts.values() if start > now)


def earliest(times: Iterable[float]) -> float | None:
    """Return the smallest of the times, None where there is none."""
    return min(times, default=None)
