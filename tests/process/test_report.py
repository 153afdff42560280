"""The tables of the report."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from dnsfilter.config import Configuration
from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Device, Grade
from dnsfilter.process.report import Period, build_report
from dnsfilter.store.database import open_store
from dnsfilter.store.sightings import record
from tests.fakes.sightings import NOON, attributed, sighting

DAY = 86_400.0
PERIOD = Period(date(2023, 11, 13), date(2023, 11, 16), "Europe/Brussels")
CONFIGURATION = Configuration.model_validate(
    {
        "privacy": {"minimum_segment": 2},
        "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
        "policies": [
            {
                "name": "tiktok",
                "blocklists": ["tiktok"],
                "timezone": "Europe/Brussels",
                "phases": {
                    "observe": "2023-01-01",
                    "warn": "2023-11-15",
                    "enforce": "2023-11-16",
                    "quarantine": "2023-11-16",
                },
            },
            {"name": "later", "blocklists": ["tiktok"], "phases": {"enforce": "2024-01-01"}},
        ],
    }
)
INVENTORY = [Device(name, "", "", "", group) for name, group in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "c"))]


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Connect to a store with sightings on one day: two devices of a group, one of another, one stranger."""
    store = open_store("sqlite://")
    with store.begin() as opened:
        entries = [attributed(sighting("a"), f"d-{name}", group="a") for name in ("1", "2")]
        entries += [attributed(sighting("w", Grade.WEAK, NOON + 20 * 60, count=4), "d-3", group="b")]
        entries += [attributed(sighting("w", Grade.WEAK), "d-x", Attribution.UNKNOWN, "none")]
        record(opened, entries)
        yield opened
    store.dispose()


def build(connection: Connection | None, now: float = NOON + 10 * DAY) -> dict[str, list[dict[str, Any]]]:
    return build_report(connection, CONFIGURATION, PERIOD, INVENTORY, "d-{}".format, now)


def test_small_groups_merge(connection: Connection) -> None:
    """Groups of one device are other, in devices, sightings and inventory."""
    tables = build(connection)
    assert tables["devices"] == [
        {"app": "tiktok", "group": "a", "standing": "suspected", "devices": 2},
        {"app": "tiktok", "group": "other", "standing": "clear", "devices": 1},
        {"app": "tiktok", "group": "other", "standing": "unattributable", "devices": 1},
    ]
    assert [(row["day"], row["group"], row["grade"], row["sightings"]) for row in tables["sightings"]] == [
        ("2023-11-14", "a", "strong", 2),
        ("2023-11-14", "other", "weak", 5),
    ]
    assert tables["inventory"] == [
        {"group": "a", "devices": 2, "seen": 2, "never_seen": 0},
        {"group": "other", "devices": 2, "seen": 1, "never_seen": 1},
    ]


def test_coverage(connection: Connection) -> None:
    """The share that belongs to nobody, and the days on which nothing was seen, are said."""
    tables = build(connection)
    assert tables["unattributable"] == [
        {"of": "clients", "all": 4, "unattributable": 1, "share": 0.25},
        {"of": "sightings", "all": 7, "unattributable": 1, "share": 0.143},
    ]
    assert tables["bypass"] == [{"sightings": 0}]
    assert tables["days_without_data"] == [
        {"first_day": "2023-11-13", "last_day": "2023-11-13", "days": 1},
        {"first_day": "2023-11-15", "last_day": "2023-11-16", "days": 2},
    ]


def test_days_to_come(connection: Connection) -> None:
    """Days that have not been yet are not without data."""
    silences = build(connection, NOON + DAY)["days_without_data"]
    assert [row["last_day"] for row in silences] == ["2023-11-13", "2023-11-15"]


def test_phases(connection: Connection) -> None:
    """Each phase shows from when until when it was in force within the period; one that never was does not."""
    assert build(connection)["phases"] == [
        {"policy": "tiktok", "phase": "observe", "first_day": "2023-11-13", "last_day": "2023-11-14"},
        {"policy": "tiktok", "phase": "warn", "first_day": "2023-11-15", "last_day": "2023-11-15"},
        {"policy": "tiktok", "phase": "quarantine", "first_day": "2023-11-16", "last_day": "2023-11-16"},
    ]


def test_no_store() -> None:
    """Without a store everything is empty, and every device of the inventory was never seen."""
    tables = build(None)
    assert tables["devices"] == tables["sightings"] == []
    assert sum(row["never_seen"] for row in tables["inventory"]) == 4
    assert tables["unattributable"][0] == {"of": "clients", "all": 0, "unattributable": 0, "share": 0.0}
    assert tables["days_without_data"] == [{"first_day": "2023-11-13", "last_day": "2023-11-16", "days": 4}]


def test_days_are_local() -> None:
    """A day is that of the timezone, also where the clocks change."""
    period = Period(date(2023, 10, 29), date(2023, 10, 29), "Europe/Brussels")
    assert period.end - period.start == 25 * 3600
    assert period.day_of(period.start) == period.day_of(period.end - 1) == date(2023, 10, 29)
