"""Recordings replayed: the same policy, the same evidence, nothing written."""

from collections.abc import Iterable
from ipaddress import ip_network

import pytest

from dnsfilter.clients.leases import Lease
from dnsfilter.config import Configuration
from dnsfilter.errors import Problem
from dnsfilter.feeds.clients import ClientSources
from dnsfilter.model import Channel, Device, Standing
from dnsfilter.process.replay import Replay, gather
from dnsfilter.recording.lookup import Lookup
from dnsfilter.settings.order import Group, Policy
from dnsfilter.store.devices import DeviceSummary
from dnsfilter.store.pseudonyms import Pseudonyms
from tests.fakes.world import catalogue

DAY = 86_400.0
ENFORCED, QUARANTINED = 20_000 * DAY, 20_030 * DAY
APP = catalogue(
    "app",
    {
        "entries": [
            {"suffix": "app.example", "role": "web", "grade": "weak", "source": "test"},
            {"pattern": "api*.app.example", "role": "app-api", "grade": "strong", "why": "test"},
            {"pattern": "log*.app.example", "role": "app-telemetry", "grade": "strong", "why": "test"},
        ],
        "networks": [{"cidr": "203.0.113.0/24", "source": "test", "note": "test"}],
    },
)
CONFIGURATION = Configuration(
    groups=(
        Group(name="corporate", networks=(ip_network("10.20.0.0/16"),)),
        Group(name="guests", networks=(ip_network("10.99.0.0/16"),), flag=False),
    ),
    policies=(
        Policy.model_validate(
            {
                "name": "app",
                "blocklists": ["app"],
                "phases": {"enforce": "2024-10-04T00:00:00Z", "quarantine": "2024-11-03T00:00:00Z"},
            }
        ),
    ),
)
SOURCES = ClientSources(
    devices=(
        Device("A1", "", "", "", "corporate", ("00:00:00:00:00:01",), ("10.20.0.1", "10.20.0.11")),
        Device("B1", "", "", "", "corporate", ("00:00:00:00:00:02",)),
    ),
    leases=(Lease("10.20.0.2", "00:00:00:00:00:02", ENFORCED + DAY),),
)
PSEUDONYMS = Pseudonyms(b"0" * 32)


def replay(lookups: Iterable[Lookup | Problem], at: float | None = None) -> list[tuple[str, DeviceSummary]]:
    return Replay(CONFIGURATION, [APP], SOURCES, PSEUDONYMS, at).run(gather(lookups, [APP]))


def app_start(client: str, time: float = ENFORCED) -> list[Lookup]:
    return [Lookup(time, client, "api1.app.example"), Lookup(time + 1, client, "log1.app.example")]


@pytest.mark.parametrize(
    ("client", "standing"),
    [
        ("10.20.0.1", Standing.CONFIRMED),
        ("10.20.0.2", Standing.CONFIRMED),  # by its lease
        ("A1", Standing.CONFIRMED),  # by its id
        ("10.20.0.9", Standing.UNATTRIBUTABLE),  # no device
        ("10.99.0.1", Standing.UNATTRIBUTABLE),  # never flagged
        ("kiosk", Standing.UNATTRIBUTABLE),
    ],
)
def test_who(client: str, standing: Standing) -> None:
    """Two strong families confirm whom the inventory knows, and nobody else."""
    ((name, summary),) = replay(app_start(client))
    assert (name, summary.standing, summary.sightings) == (client, standing, 2)


def test_expired_lease() -> None:
    """An address is no device any more once its lease has ended."""
    ((_, summary),) = replay(app_start("10.20.0.2", ENFORCED + 2 * DAY))
    assert summary.standing is Standing.UNATTRIBUTABLE


def test_one_device_under_two_addresses() -> None:
    """Evidence is gathered by device, and each client of the file has a row."""
    first, second = app_start("10.20.0.1")
    found = replay([first, second._replace(client="10.20.0.11")])
    assert [client for client, _ in found] == ["10.20.0.1", "10.20.0.11"]
    assert found[0][1] == found[1][1]
    assert found[0][1].id == PSEUDONYMS.of_device("A1")
    assert found[0][1].standing is Standing.CONFIRMED


def test_phase_of_the_time() -> None:
    """Before the first phase nothing is a sighting, unless the policy is asked at a later time."""
    early = app_start("10.20.0.1", ENFORCED - 10 * DAY)
    ((_, summary),) = replay(early)
    assert (summary.standing, summary.sightings) == (Standing.CLEAR, 0)
    ((_, summary),) = replay(early, at=ENFORCED)
    assert (summary.standing, summary.last_seen) == (Standing.CONFIRMED, (ENFORCED - 10 * DAY) // 60 * 60)
    ((_, summary),) = replay(app_start("10.20.0.1"), at=ENFORCED - 1)
    assert summary.sightings == 0


def test_order_of_the_file() -> None:
    """A file that is not in order of time gives what it would give in order."""
    lookups = [*app_start("10.20.0.1", ENFORCED + 5), *app_start("10.20.0.1", ENFORCED - 5), *app_start("10.20.0.2")]
    assert sorted(replay(reversed(lookups))) == sorted(replay(lookups))


def test_nothing_listed() -> None:
    """A client that reached for no listed name is there, with the times of its own lookups."""
    ((client, summary),) = replay([Lookup(5.0, "10.20.0.1", "a.example"), Lookup(3.0, "10.20.0.1", "b.example")])
    assert (client, summary.standing, summary.sightings) == ("10.20.0.1", Standing.CLEAR, 0)
    assert (summary.since, summary.first_seen, summary.last_seen) == (3.0, 3.0, 5.0)


def test_channels() -> None:
    """Server names count as names, addresses by the lists' networks."""
    found = replay(
        [
            Lookup(ENFORCED, "10.20.0.1", "api1.app.example", Channel.SNI),
            Lookup(ENFORCED, "10.20.0.2", "203.0.113.7", Channel.IP),
            Lookup(ENFORCED, "10.20.0.2", "198.51.100.7", Channel.IP),
            Lookup(ENFORCED, "10.20.0.2", "2001:db8::1", Channel.IP),
        ]
    )
    assert [(summary.standing, summary.sightings) for _, summary in found] == [
        (Standing.SUSPECTED, 1),
        (Standing.CLEAR, 1),
    ]


def test_problems() -> None:
    """What could not be read is kept beside the rest."""
    problem = Problem("nonsense", "x.csv", 7)
    recording = gather([problem, *app_start("10.20.0.1")], [APP])
    assert recording.problems == [problem]
    assert recording.clients == {"10.20.0.1": (ENFORCED, ENFORCED + 1)}


def test_quarantine() -> None:
    """From the phase on whoever is confirmed is quarantined, and stays so while the evidence ages."""
    later = Lookup(QUARANTINED + 5 * DAY, "10.20.0.11", "a.example")
    found = replay([*app_start("10.20.0.1", QUARANTINED), later])
    assert [summary.standing for _, summary in found] == [Standing.QUARANTINED] * 2
    ((_, summary),) = replay(app_start("10.20.0.1"), at=QUARANTINED)
    assert summary.standing is Standing.QUARANTINED
    ((_, summary),) = replay(app_start("10.20.0.9", QUARANTINED))
    assert summary.standing is Standing.UNATTRIBUTABLE


def test_release() -> None:
    """A device without evidence for long enough is clear at the end, and begins anew when it is seen again."""
    removed = [*app_start("10.20.0.1", QUARANTINED), Lookup(QUARANTINED + 8 * DAY, "10.20.0.1", "www.app.example")]
    ((_, summary),) = replay(removed)
    assert summary.standing is Standing.CLEAR
    ((_, summary),) = replay([*removed, Lookup(QUARANTINED + 9 * DAY, "10.20.0.1", "api1.app.example")])
    assert summary.standing is Standing.SUSPECTED
