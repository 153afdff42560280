"""From the address of a sighting to the device in the store."""

from math import inf

import pytest

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.leases import Lease
from dnsfilter.clients.table import compile_table
from dnsfilter.config import Configuration
from dnsfilter.evidence.record import Attribution
from dnsfilter.model import Device
from dnsfilter.process import attribution
from dnsfilter.process.attribution import Attributor
from dnsfilter.store.pseudonyms import Pseudonyms
from tests.fakes.sightings import sighting

PSEUDONYMS = Pseudonyms(b"k" * 32)
CONFIGURATION = Configuration.model_validate(
    {
        "groups": [
            {"name": "corporate", "networks": ["10.0.0.0/8"]},
            {"name": "guests", "networks": ["10.99.0.0/16"], "flag": False},
        ]
    }
)
DEVICES = [
    Device("phone", "", "", "", "corporate", (), ("10.0.0.1", "10.0.0.2")),
    Device("other", "", "", "", "corporate", (), ("10.0.0.2",)),
    Device("visitor", "", "", "", "guests", ("02:00:5e:00:53:01",), ()),
]
LEASES = [Lease("10.0.0.9", "02:00:5e:00:53:01", inf)]


@pytest.fixture
def attributor() -> Attributor:
    table = compile_table(DEVICES, LEASES, {}, 0.0)
    return Attributor(Directory(CONFIGURATION.groups, table), {"guests"}, PSEUDONYMS)


@pytest.mark.parametrize(
    ("address", "device", "group", "attribution"),
    [
        ("10.0.0.1", PSEUDONYMS.of_device("phone"), "corporate", Attribution.DEVICE),
        ("10.0.0.2", PSEUDONYMS.of_address("10.0.0.2"), "corporate", Attribution.UNKNOWN),
        ("10.0.0.3", PSEUDONYMS.of_address("10.0.0.3"), "corporate", Attribution.UNKNOWN),
        ("::ffff:10.0.0.3", PSEUDONYMS.of_address("10.0.0.3"), "corporate", Attribution.UNKNOWN),
        ("10.0.0.9", PSEUDONYMS.of_device("visitor"), "guests", Attribution.UNFLAGGED),
        ("10.99.0.1", PSEUDONYMS.of_address("10.99.0.1"), "guests", Attribution.UNFLAGGED),
        ("192.0.2.1", PSEUDONYMS.of_address("192.0.2.1"), "none", Attribution.UNKNOWN),
        ("no address", PSEUDONYMS.of_address("no address"), "none", Attribution.UNKNOWN),
    ],
)
def test_attributes(attributor: Attributor, address: str, device: str, group: str, attribution: Attribution) -> None:
    """A known device is itself, any other address stands for itself; who may not be flagged is marked."""
    entry = attributor.attribute(sighting()._replace(client=address))
    assert (entry.device, entry.group, entry.attribution) == (device, group, attribution)


def test_a_lease_that_ends_is_noticed() -> None:
    """What an address stood for is forgotten when its lease ends, and known again for a sighting from before."""
    table = compile_table(DEVICES, [Lease("10.0.0.9", "02:00:5e:00:53:01", 100.0)], {}, 0.0)
    attributor = Attributor(Directory(CONFIGURATION.groups, table), {"guests"}, PSEUDONYMS)
    stranger = PSEUDONYMS.of_address("10.0.0.9"), "corporate", Attribution.UNKNOWN
    found = [attributor.identify("10.0.0.9", now) for now in (98.0, 99.0, 100.0, 101.0, 99.0)]
    visitor = PSEUDONYMS.of_device("visitor"), "guests", Attribution.UNFLAGGED
    assert found == [visitor, visitor, stranger, stranger, visitor]


def test_memory_is_bounded(attributor: Attributor, monkeypatch: pytest.MonkeyPatch) -> None:
    """More addresses than are remembered are attributed all the same."""
    monkeypatch.setattr(attribution, "MAX_REMEMBERED", 3)
    addresses = [f"10.0.1.{number}" for number in range(10)] * 2
    assert [attributor.identify(address, 0.0)[0] for address in addresses] == [
        PSEUDONYMS.of_address(address) for address in addresses
    ]
