"""From an address to the client."""

import pytest

from dnsfilter.clients import directory as module
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.leases import Lease
from dnsfilter.clients.table import compile_table
from dnsfilter.config import Configuration
from dnsfilter.model import Client, Device

GROUPS = Configuration.model_validate(
    {
        "groups": [
            {"name": "corporate", "networks": ["10.0.0.0/8", "2001:db8::/32"]},
            {"name": "guests", "networks": ["10.99.0.0/16"]},
        ]
    }
).groups
DEVICES = [
    Device("phone", "", "", "", "corporate", (), ("10.99.0.5",)),
    Device("tablet", "", "", "", "", ("02:00:5e:00:53:01",), ("2001:db8::5",)),
]
LEASES = [Lease("10.1.1.1", "02:00:5e:00:53:01", 2_000.0)]
QUARANTINED = {"phone": frozenset({"tiktok"})}


@pytest.fixture
def directory() -> Directory:
    return Directory(GROUPS, compile_table(DEVICES, LEASES, QUARANTINED, now=1_000.0))


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.1.2.3", Client("corporate")),
        ("10.99.2.3", Client("guests")),
        ("::ffff:10.99.2.3", Client("guests")),
        ("2001:db8:7::1", Client("corporate")),
        ("192.0.2.1", Client()),
        ("2001:db9::1", Client()),
        ("10.99.0.5", Client("corporate", "phone", frozenset({"tiktok"}))),
        ("2001:db8::5", Client("corporate", "tablet")),
        ("10.1.1.1", Client("corporate", "tablet")),
        ("no address", Client()),
        ("", Client()),
    ],
)
def test_finds_the_client(directory: Directory, address: str, client: Client) -> None:
    """The inventory's group wins over the network's, the longest prefix over shorter ones; nothing else is somebody."""
    assert directory.find(address, 1_500.0) == client
    assert directory.find(address, 1_500.0) == client


def test_a_lease_ends(directory: Directory) -> None:
    """An address means a device only while its lease lives, also when it was asked for before."""
    assert directory.find("10.1.1.1", 1_999.0).device == "tablet"
    assert directory.find("10.1.1.1", 2_000.0) == Client("corporate")


def test_memory_is_bounded(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses ask, only so many are remembered."""
    monkeypatch.setattr(module, "MAX_REMEMBERED", 100)
    for number in range(1_000):
        directory.find(f"10.1.{number // 256}.{number % 256}", 1_500.0)
        assert len(directory._remembered) <= 100
