"""Reading devices."""

from sqlalchemy import Engine

from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Grade, Standing
from dnsfilter.store.devices import (
    count_standings,
    find_device,
    list_devices,
    list_evidence,
    list_flagged,
)
from dnsfilter.store.sightings import record
from tests.fakes.sightings import NOON, attributed, sighting


def fill(engine: Engine) -> None:
    """Store one device of each kind."""
    with engine.begin() as connection:
        record(
            connection,
            [
                attributed(sighting("a"), "d-confirmed"),
                attributed(sighting("b", time=NOON + 60, count=2), "d-confirmed"),
                attributed(sighting("w", Grade.WEAK, app="other"), "d-confirmed"),
                attributed(sighting("a", time=NOON + 600), "d-suspected"),
                attributed(sighting("w", Grade.WEAK), "d-clear"),
                attributed(sighting("a"), "d-unknown", Attribution.UNKNOWN, "none"),
            ],
        )


def test_lists_one_summary_per_device(engine: Engine) -> None:
    """A device has the gravest of its standings, the sums over its apps, and the explanation of the gravest."""
    fill(engine)
    with engine.connect() as connection:
        listed = {device.id: device for device in list_devices(connection)}
    assert {name: device.standing for name, device in listed.items()} == {
        "d-clear": Standing.CLEAR,
        "d-confirmed": Standing.CONFIRMED,
        "d-suspected": Standing.SUSPECTED,
        "d-unknown": Standing.UNATTRIBUTABLE,
    }
    confirmed = listed["d-confirmed"]
    assert (confirmed.sightings, confirmed.grades) == (4, {"strong": 3, "weak": 1, "none": 0})
    assert (confirmed.since, confirmed.first_seen, confirmed.last_seen) == (NOON + 60, NOON, NOON + 60)
    assert confirmed.explanation == "confirmed: a and b within 24 h, 3 sightings on 1 day"


def test_lists_one_standing(engine: Engine) -> None:
    """With a standing only its devices are listed."""
    fill(engine)
    with engine.connect() as connection:
        assert [device.id for device in list_devices(connection, Standing.SUSPECTED)] == ["d-suspected"]
        assert list(list_devices(connection, Standing.QUARANTINED)) == []


def test_finds_a_device_and_its_evidence(engine: Engine) -> None:
    """One device's sightings are summed by what was done, the latest first; an unknown one has none."""
    fill(engine)
    with engine.connect() as connection:
        found = find_device(connection, "d-confirmed")
        assert found
        assert found.standing is Standing.CONFIRMED
        evidence = list_evidence(connection, "d-confirmed")
        assert find_device(connection, "d-nobody") is None
        assert list_evidence(connection, "d-nobody") == []
    assert [(row.rule, row.sightings, row.last_seen) for row in evidence] == [
        ("b", 2, NOON + 60),
        ("a", 1, NOON),
        ("w", 1, NOON),
    ]


def test_counts_for_metrics(engine: Engine) -> None:
    """Devices are counted by app, standing and group; those flagged are listed up to a limit, the latest first."""
    fill(engine)
    with engine.connect() as connection:
        counts = count_standings(connection)
        assert counts["tiktok", "confirmed", "corporate"] == counts["tiktok", "unattributable", "none"] == 1
        assert sum(counts.values()) == 5
        flagged = list_flagged(connection, 10)
        assert flagged == [
            ("tiktok", "d-suspected", "suspected", "corporate"),
            ("tiktok", "d-confirmed", "confirmed", "corporate"),
        ]
        assert list_flagged(connection, 1) == flagged[:1]
