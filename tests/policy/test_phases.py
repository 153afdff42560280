"""Phases: dates in the timezone of the policy, monotone in time, and when they change."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.model import Phase
from dnsfilter.policy.phases import Schedule, earliest, to_timestamp
from dnsfilter.settings.order import Policy

BRUSSELS = "Europe/Brussels"
ZONES = st.sampled_from(["UTC", BRUSSELS, "America/New_York", "Australia/Lord_Howe"])
HOURS = st.integers(0, 24 * 800).map(lambda hours: datetime(2022, 6, 1) + timedelta(hours=hours))  # noqa: DTZ001
PHASES = st.dictionaries(st.sampled_from(list(Phase)), HOURS, min_size=1)


def policy(phases, zone=None):
    """Return a policy whose phases are in order."""
    starts = dict(zip(sorted(phases, key=list(Phase).index), sorted(phases.values()), strict=True))
    return Policy(name="order", blocklists=("own",), phases=starts, timezone=zone)


def local(text, zone=BRUSSELS):
    """Return a local time in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def reference(order, zone, now):
    """Return the phase by the calendar: the strictest whose local date and time has come."""
    local_now = datetime.fromtimestamp(now, ZoneInfo(zone)).replace(tzinfo=None)
    begun = [phase for phase in Phase if phase in order.phases and order.phases[phase] <= local_now]
    return begun[-1] if begun else None


@given(PHASES, ZONES, st.integers(-400, 24 * 900))
def test_agrees_with_the_calendar(phases, zone, hours):
    """A phase is in force just when the local calendar says so, but for the hour that summer time repeats or skips."""
    order = policy(phases, zone)
    now = local("2022-06-01", zone) + hours * 3600 + 1
    schedule = Schedule(order)
    around = {reference(order, zone, now + shift) for shift in (-3600, 0, 3600)}
    assert schedule.phase_at(now) in around
    if len(around) == 1:
        assert schedule.phase_at(now) == reference(order, zone, now)


@given(PHASES, ZONES, st.lists(st.integers(-400, 24 * 900), min_size=2))
def test_is_monotone(phases, zone, hours):
    """No phase is ever left for an earlier one."""
    schedule = Schedule(policy(phases, zone))
    ranks = [[None, *Phase].index(schedule.phase_at(local("2022-06-01", zone) + hour * 3600)) for hour in sorted(hours)]
    assert all(earlier <= later for earlier, later in pairwise(ranks))


@given(PHASES, ZONES)
def test_next_start_is_when_the_phase_changes(phases, zone):
    """Up to the next start nothing changes, from it on the new phase is in force; behind the last there is none."""
    schedule = Schedule(policy(phases, zone))
    now = 0.0
    while (start := schedule.next_start(now)) is not None:
        assert schedule.phase_at(start - 1e-3) == schedule.phase_at(now)
        assert start in schedule.starts.values()
        assert schedule.starts[schedule.phase_at(start)] == start
        now = start
    assert schedule.phase_at(now) == list(schedule.starts)[-1]


@pytest.mark.parametrize(
    ("date", "zone", "utc"),
    [
        ("2023-03-15", BRUSSELS, "2023-03-14T23:00:00+00:00"),
        ("2023-07-15", BRUSSELS, "2023-07-14T22:00:00+00:00"),
        ("2023-03-26T03:00", BRUSSELS, "2023-03-26T01:00:00+00:00"),  # the night summer time begins
        ("2023-10-29", BRUSSELS, "2023-10-28T22:00:00+00:00"),  # the night it ends
        ("2023-10-30", BRUSSELS, "2023-10-29T23:00:00+00:00"),
        ("2023-03-15", "UTC", "2023-03-15T00:00:00+00:00"),
    ],
)
def test_local_midnight(date, zone, utc):
    """A date is midnight on the clock of the policy's timezone, in winter and in summer."""
    assert to_timestamp(datetime.fromisoformat(date), zone) == datetime.fromisoformat(utc).timestamp()


def test_moment_with_an_offset_needs_no_timezone():
    """A moment that says its offset means the same everywhere."""
    moment = datetime(2023, 3, 15, tzinfo=timezone(timedelta(hours=5)))
    assert to_timestamp(moment, "UTC") == to_timestamp(moment, BRUSSELS)


def test_default_timezone():
    """A policy without a timezone has that of the configuration."""
    phases = {Phase.ENFORCE: datetime(2023, 3, 15)}  # noqa: DTZ001
    assert Schedule(policy(phases), BRUSSELS).starts[Phase.ENFORCE] == local("2023-03-15")


def test_phases_that_begin_at_once():
    """Of phases with the same date the strictest is in force."""
    date = datetime(2023, 3, 15)  # noqa: DTZ001
    schedule = Schedule(policy({Phase.ENFORCE: date, Phase.QUARANTINE: date}, BRUSSELS))
    assert schedule.phase_at(local("2023-03-15")) is Phase.QUARANTINE
    assert schedule.phase_at(local("2023-03-15") - 1) is None


def test_earliest():
    """Of no times there is none."""
    assert earliest([]) is None
    assert earliest([3.0, 1.0]) == 1.0
