"""Forgetting."""

import pytest
from sqlalchemy import Engine, func, select

from dnsfilter.model import Grade, Standing
from dnsfilter.store import retention
from dnsfilter.store.devices import find_device
from dnsfilter.store.retention import sweep
from dnsfilter.store.schema import devices, sightings
from dnsfilter.store.sightings import record
from tests.fakes.sightings import NOON, attributed, sighting

DAY = 86_400.0


def test_forgets_what_is_old(engine: Engine) -> None:
    """Old sightings go, devices without any left go, what is left is counted, and a standing stays what it was."""
    with engine.begin() as connection:
        record(connection, [attributed(sighting("a"), "d-1"), attributed(sighting("b"), "d-1")])
        record(connection, [attributed(sighting("a", time=NOON + 5 * DAY), "d-1"), attributed(sighting("a"), "d-2")])
    assert sweep(engine, NOON + DAY) == 2
    with engine.connect() as connection:
        left = find_device(connection, "d-1")
        assert left
        assert (left.standing, left.sightings, left.first_seen) == (Standing.CONFIRMED, 1, NOON + 5 * DAY)
        assert find_device(connection, "d-2") is None
        assert connection.scalar(select(func.count()).select_from(sightings)) == 1
    assert sweep(engine, NOON + DAY) == 0


def test_never_makes_graver(engine: Engine) -> None:
    """Sightings that could not be put together when they came are not put together by a sweep."""
    late = [
        sighting("a", time=NOON + 10 * DAY),
        sighting("a", time=NOON + 12 * DAY),
        sighting("b", time=NOON + 10 * DAY),
    ]
    with engine.begin() as connection:
        record(connection, [attributed(sighting("w", Grade.WEAK))])
    for one in late:
        with engine.begin() as connection:
            record(connection, [attributed(one)])
    sweep(engine, NOON + DAY)
    with engine.connect() as connection:
        left = find_device(connection, "d-1")
        assert left
        assert (left.standing, left.sightings) == (Standing.SUSPECTED, 3)


def test_works_in_chunks(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """More devices than one transaction takes are all swept."""
    monkeypatch.setattr(retention, "CHUNK", 10)
    with engine.begin() as connection:
        record(connection, [attributed(sighting(), f"d-{number}") for number in range(25)])
    assert sweep(engine, NOON + DAY) == 25
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(devices)) == 0
