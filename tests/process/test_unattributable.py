"""Whoever is nobody's device is sinkholed and counted, and never flagged, whatever is seen of him."""

import pytest

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.leases import Lease
from dnsfilter.clients.table import compile_table
from dnsfilter.config import Configuration
from dnsfilter.model import Device, Standing
from dnsfilter.process.attribution import Attributor
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.store.database import IN_MEMORY, open_store
from dnsfilter.store.devices import list_devices
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import record
from dnsfilter.store.standings import rule
from dnsfilter.wire.codes import Type
from tests.fakes.messages import ask, edns
from tests.fakes.resolving import addresses_in
from tests.fakes.world import Upstream, World, catalogue

NOW = 1_690_000_000.0
LATER = NOW + 3600
MAC_A, MAC_B, MAC_X = "02:00:5e:00:53:0a", "02:00:5e:00:53:0b", "02:00:5e:00:53:ff"
A = Device("a", "", "", "", "corporate", (MAC_A,), ("10.1.0.1",))
B = Device("b", "", "", "", "corporate", (MAC_B,), ())
TWIN = Device("twin", "", "", "", "corporate", (), ("10.1.0.1",))
GUEST = Device("guest", "", "", "", "guests", (), ("10.9.0.1",))
NAMES = ("api1.tiktokv.eu", "rtlog1.tiktokv.eu")
CASES = [
    ("unknown address", [A], [], "10.1.0.7"),
    ("address without a network", [A], [], "172.16.0.1"),
    ("inventoried twice", [A, TWIN], [], "10.1.0.1"),
    ("leased to a MAC of nobody", [A], [Lease("10.1.0.1", MAC_X, LATER)], "10.1.0.1"),
    ("leased to another device", [A, B], [Lease("10.1.0.1", MAC_B, LATER)], "10.1.0.1"),
    ("several MACs", [A, B], [Lease("10.1.0.8", MAC_A, LATER), Lease("10.1.0.8", MAC_B, LATER)], "10.1.0.8"),
    ("a lease that has ended", [A], [Lease("10.1.0.8", MAC_A, NOW - 1)], "10.1.0.8"),
    ("a lease that ends before", [A], [Lease("10.1.0.8", MAC_A, NOW + 1)], "10.1.0.8"),
    ("NAT gateway in the inventory", [A._replace(addresses=("10.1.255.1",))], [], "10.1.255.1"),
    ("address of a VPN concentrator", [A], [Lease("10.1.255.9", MAC_A, LATER)], "10.1.255.9"),
    ("a guest", [GUEST], [], "10.9.0.1"),
    ("a guest that nobody knows", [], [], "10.9.0.2"),
]
SETTINGS = {
    "groups": [
        {"name": "corporate", "networks": ["10.1.0.0/16"]},
        {"name": "guests", "networks": ["10.9.0.0/16"], "flag": False},
    ],
    "identity": {"shared": ["10.1.255.0/24"]},
    "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
    "policies": [
        {"name": "order", "blocklists": ["tiktok"], "phases": {"enforce": "2023-01-01", "quarantine": "2023-01-01"}}
    ],
}
ENTRIES = [
    {"pattern": f"{label}*.tiktokv.eu", "role": "app-api", "grade": "strong", "why": "x"} for label in ("api", "rtlog")
]


def see(devices: list[Device], leases: list[Lease], address: str) -> tuple[World, Standing, int]:
    """Let an address ask for two strong names at the resolver; return it, and what the store says of whoever it is."""
    configuration = Configuration.model_validate(SETTINGS)
    lists = [catalogue("tiktok", {"entries": ENTRIES})]
    world = World(configuration, lists, Upstream(), NOW + 5, devices)
    for name in NAMES:
        assert addresses_in(world.ask(address, ask(name, Type.A, opt=edns())) or b"") == ["127.0.0.1"]
    table = compile_table(devices, leases, {}, NOW, configuration.identity)
    pseudonyms = Pseudonyms(b"k" * 32)
    attributor = Attributor(Directory(configuration.groups, table), {"guests"}, pseudonyms)
    groups = {pseudonyms.of_device(device.id): device.group for device in devices}
    store = open_store(IN_MEMORY)
    with store.begin() as connection:
        concerned = record(connection, [attributor.attribute(each) for each in world.drain().sightings])
        rule(connection, PolicyOrders(configuration, lists, groups), NOW + 10, only=concerned)
        rule(connection, PolicyOrders(configuration, lists, groups), NOW + 20)
        (summary,) = list_devices(connection)
    store.dispose()
    return world, summary.standing, summary.sightings


@pytest.mark.parametrize(
    ("devices", "leases", "address"), [case[1:] for case in CASES], ids=[case[0].replace(" ", "-") for case in CASES]
)
def test_is_nobody(devices: list[Device], leases: list[Lease], address: str) -> None:
    """The names get the sinkhole, both attempts are counted, and what would confirm a device is unattributable."""
    _, standing, sightings = see(devices, leases, address)
    assert (standing, sightings) == (Standing.UNATTRIBUTABLE, 2)


def test_is_somebody() -> None:
    """The same quarantines an address that is one known device's, so that the cases above can fail."""
    assert see([A, B], [], "10.1.0.1")[1:] == (Standing.QUARANTINED, 2)
    assert see([A, B], [Lease("10.1.0.8", MAC_B, LATER)], "10.1.0.8")[1:] == (Standing.QUARANTINED, 2)
