"""Counts of a period."""

import pytest
from sqlalchemy import Engine

from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Channel, Grade, Role
from dnsfilter.store.sightings import Attributed, record
from dnsfilter.store.statistics import DeviceCount, SightingCount, count_devices, count_sightings, find_seen
from tests.fakes.sightings import NOON, attributed, sighting

HOUR = 3600.0


def write(engine: Engine, *entries: Attributed) -> None:
    with engine.begin() as connection:
        record(connection, entries)


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Return a store with two devices and a stranger over two hours."""
    bypass = sighting("doh", Grade.NONE, NOON + HOUR, count=3)._replace(role=Role.DOH, channel=Channel.SNI)
    write(
        engine,
        attributed(sighting("a"), "d-one"),
        attributed(sighting("b", time=NOON + 60), "d-one"),
        attributed(sighting("a", time=NOON + HOUR), "d-two"),
        attributed(bypass, "d-three", Attribution.UNKNOWN, "none"),
    )
    return engine


def test_sightings(filled: Engine) -> None:
    """Sightings are summed by quarter of an hour and kind, with whether a device and whether a bypass."""
    with filled.connect() as connection:
        found = set(count_sightings(connection, NOON, NOON + 2 * HOUR))
    assert found == {
        SightingCount(NOON, "tiktok", "corporate", "strong", "dns", True, False, 2),
        SightingCount(NOON + HOUR, "tiktok", "corporate", "strong", "dns", True, False, 1),
        SightingCount(NOON + HOUR, "tiktok", "none", "none", "sni", False, True, 3),
    }


def test_devices(filled: Engine) -> None:
    """A device counts once for each app, with its standing of now."""
    with filled.connect() as connection:
        assert count_devices(connection, NOON, NOON + 2 * HOUR) == [
            DeviceCount("tiktok", "corporate", "confirmed", 1),
            DeviceCount("tiktok", "corporate", "suspected", 1),
            DeviceCount("tiktok", "none", "unattributable", 1),
        ]


@pytest.mark.parametrize(
    ("first", "end", "seen"),
    [
        (NOON, NOON + 60, {"d-one"}),
        (NOON + HOUR, NOON + 2 * HOUR, {"d-two", "d-three"}),
        (NOON - HOUR, NOON, set()),
    ],
)
def test_period(filled: Engine, first: float, end: float, seen: set[str]) -> None:
    """The period holds its first minute and not its end."""
    with filled.connect() as connection:
        assert find_seen(connection, first, end) == seen
        assert sum(each.devices for each in count_devices(connection, first, end)) == len(seen)
