"""The store as it would be judged at another time."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from dnsfilter.config import Configuration
from dnsfilter.model import Phase, Standing
from dnsfilter.policy.phases import to_timestamp
from dnsfilter.process.simulation import Fate, Forecast, simulate
from dnsfilter.store.database import IN_MEMORY, open_store
from dnsfilter.store.decisions import Exempted, clear, exempt
from dnsfilter.store.schema import consequences, devices
from dnsfilter.store.sightings import record
from dnsfilter.values import parse_moment
from tests.fakes.sightings import NOON, attributed, sighting
from tests.fakes.world import catalogue

DAY = 86_400.0
NOW = NOON + 600
NAMES = {"entries": [{"exact": "a.example", "role": "app-api", "grade": "strong", "why": "test"}]}
LISTS = [catalogue("tiktok", NAMES)]
GROUPS = {"d-one": "corporate", "d-two": ""}
QUARANTINE = to_timestamp(parse_moment("2030-01-02"), "UTC")


def configuration(**quarantine: Any) -> Configuration:
    return Configuration.model_validate(
        {
            "groups": [{"name": "corporate"}],
            "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
            "policies": [
                {
                    "name": "order",
                    "blocklists": ["tiktok"],
                    "phases": {"observe": "2030-01-01", "quarantine": "2030-01-02"},
                    "quarantine": quarantine,
                }
            ],
        }
    )


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Connect to a store with two devices of the inventory and a stranger, all confirmed."""
    store = open_store(IN_MEMORY)
    with store.begin() as opened:
        names = ("d-one", "d-two", "d-stranger")
        entries = [
            attributed(sighting(rule, time=NOON + 60 * i), name) for i, name in enumerate(names) for rule in "ab"
        ]
        record(opened, [*entries, attributed(sighting("a"), "d-suspect")])
        yield opened
    store.dispose()


def run(connection: Connection | None, at: float, now: float = NOW, **quarantine: Any) -> Forecast:
    (forecast,) = simulate(connection, configuration(**quarantine), LISTS, GROUPS, at, now)
    return forecast


def fates(forecast: Forecast) -> dict[str, str]:
    return {fate.id: fate.consequence for fate in forecast.devices}


def test_phases(connection: Connection) -> None:
    """A phase comes with its beginning, and with what follows when."""
    begin = QUARANTINE - DAY
    assert run(connection, begin - 1) == Forecast("order", None, None, Phase.OBSERVE, begin)
    assert run(connection, begin) == Forecast("order", Phase.OBSERVE, begin, Phase.QUARANTINE, QUARANTINE)
    last = run(connection, QUARANTINE)
    assert (last.phase, last.since, last.next_phase, last.next_start) == (Phase.QUARANTINE, QUARANTINE, None, None)


def test_who(connection: Connection) -> None:
    """In the phase, confirmed devices of the inventory are quarantined; strangers and suspects are not."""
    assert run(connection, QUARANTINE).devices == [
        Fate("d-one", "tiktok", "corporate", "quarantine"),
        Fate("d-two", "tiktok", "corporate", "quarantine"),
    ]


@pytest.mark.parametrize(
    ("quarantine", "expected"),
    [
        ({"dry_run": True}, {"d-one": "dry-run", "d-two": "dry-run"}),
        ({"max_devices": 1}, {"d-one": "quarantine", "d-two": "capped"}),  # the first to be confirmed
        ({"max_devices": 0}, {"d-one": "capped", "d-two": "capped"}),
    ],
)
def test_brakes(connection: Connection, quarantine: dict[str, Any], expected: dict[str, str]) -> None:
    """The brakes of the policy show on each device."""
    assert fates(run(connection, QUARANTINE, **quarantine)) == expected


def test_age_of_evidence(connection: Connection) -> None:
    """Evidence is as old then as it is now: too old, it waits for more; without any for long enough it is dropped."""
    assert fates(run(connection, QUARANTINE, NOW + 2 * DAY)) == {"d-one": "when-seen", "d-two": "when-seen"}
    assert fates(run(connection, QUARANTINE, NOW + 8 * DAY)) == {}


def test_decisions(connection: Connection) -> None:
    """An exemption holds until its date, a clearance for what was seen before it."""
    exempt(connection, Exempted("d-one", QUARANTINE + DAY, "why", "T-1", "CISO", NOW))
    clear(connection, "d-two", NOW)
    assert fates(run(connection, QUARANTINE)) == {}
    assert fates(run(connection, QUARANTINE + 2 * DAY)) == {"d-one": "quarantine"}


def test_nothing_is_written(connection: Connection) -> None:
    """The store's standings and consequences stay what they are."""
    run(connection, QUARANTINE)
    standings = set(connection.scalars(select(devices.c.standing)))
    assert standings == {Standing.CONFIRMED, Standing.SUSPECTED}
    assert connection.execute(select(consequences)).all() == []


def test_no_store() -> None:
    """Without a store there are phases and nobody."""
    assert run(None, QUARANTINE).devices == []
