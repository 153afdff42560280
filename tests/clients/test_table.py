"""Inventory and leases joined: who owns an address, and when nobody does."""

from math import inf

import pytest

from dnsfilter.clients.leases import Lease
from dnsfilter.clients.table import ClientTable, Entry, compile_table, device_key, mac_key
from dnsfilter.model import Device
from dnsfilter.settings.identity import Identity

NOW = 1_000.0
MAC_A, MAC_B, MAC_X = "02:00:5e:00:53:0a", "02:00:5e:00:53:0b", "02:00:5e:00:53:ff"
A = Device("a", "", "", "", "corporate", (MAC_A,), ("192.0.2.1",))
B = Device("b", "", "", "", "corporate", (MAC_B,), ("192.0.2.2",))
TWO_MACS = Device("t", "", "", "", "guests", (MAC_A, MAC_B), ())
GUEST = Device("g", "", "", "", "guests", (), ("192.0.2.1",))


@pytest.mark.parametrize(
    ("devices", "leases", "address", "expected"),
    [
        ([A], [], "192.0.2.1", Entry("a", "corporate", inf)),
        ([A], [], "192.0.2.9", None),
        ([A], [Lease("192.0.2.7", MAC_A, 2_000.0)], "192.0.2.7", Entry("a", "corporate", 2_000.0)),
        ([A], [Lease("192.0.2.7", MAC_A, 999.0)], "192.0.2.7", None),
        ([A], [Lease("192.0.2.7", MAC_X, inf)], "192.0.2.7", None),
        ([A], [Lease("192.0.2.1", MAC_A, inf)], "192.0.2.1", Entry("a", "corporate", inf)),
        ([GUEST], [Lease("192.0.2.1", MAC_X, inf)], "192.0.2.1", Entry("g", "guests", inf)),
        ([A, B], [Lease("192.0.2.7", MAC_A, 999.0), Lease("192.0.2.7", MAC_B, 3_000.0)], "192.0.2.7",
         Entry("b", "corporate", 3_000.0)),
        ([A], [Lease("192.0.2.7", MAC_A, 3_000.0), Lease("192.0.2.7", MAC_A, 2_000.0)], "192.0.2.7",
         Entry("a", "corporate", 3_000.0)),
        ([TWO_MACS], [Lease("192.0.2.7", MAC_A, 2_000.0), Lease("192.0.2.7", MAC_B, 3_000.0)], "192.0.2.7",
         Entry("t", "guests", 2_000.0)),
    ],
)  # fmt: skip
def test_an_address_has_an_owner(
    devices: list[Device], leases: list[Lease], address: str, expected: Entry | None
) -> None:
    """The inventory says whose an address is, or a living lease of one of a device's MACs."""
    assert compile_table(devices, leases, {}, NOW).get(address) == expected


@pytest.mark.parametrize(
    ("devices", "leases", "group"),
    [
        ([A, GUEST], [], ""),
        ([A, Device("c", "", "", "", "corporate", (), ("192.0.2.1",))], [], "corporate"),
        ([A, B], [Lease("192.0.2.1", MAC_B, inf)], "corporate"),
        ([A], [Lease("192.0.2.1", MAC_X, inf)], "corporate"),
        ([A], [Lease("192.0.2.1", MAC_A, inf), Lease("192.0.2.1", MAC_X, 2_000.0)], "corporate"),
    ],
)
def test_an_ambiguous_address_has_none(devices: list[Device], leases: list[Lease], group: str) -> None:
    """Two devices on one address, or a lease to somebody else's MAC: nobody is accused, the group stays if shared."""
    assert compile_table(devices, leases, {}, NOW).get("192.0.2.1") == Entry("", group, inf)


@pytest.mark.parametrize(
    ("devices", "group"),
    [([A, B], "corporate"), ([A], ""), ([B, Device("c", "", "", "", "guests", (MAC_A,), ())], "")],
    ids=["two devices", "a device and a stranger", "two groups"],
)
@pytest.mark.parametrize("macs", [(MAC_A, MAC_B), (MAC_B, MAC_A)])
def test_sources_that_clash_accuse_nobody(devices: list[Device], group: str, macs: tuple[str, str]) -> None:
    """While a lease and the neighbours name different MACs, the address is nobody's, whichever of them lasts longer."""
    leases = [Lease("192.0.2.7", mac, expires) for mac, expires in zip(macs, (2_000.0, 3_000.0), strict=True)]
    assert compile_table(devices, leases, {}, NOW).get("192.0.2.7") == Entry("", group, 2_000.0)


def test_privacy_addresses_are_one_device() -> None:
    """However many addresses a device gives itself, the neighbours tell whose they are, each for its time."""
    addresses = [f"2001:db8::{number:x}" for number in range(1, 50)]
    leases = [Lease(address, MAC_A, NOW + 300) for address in addresses]
    table = compile_table([A, B], [*leases, Lease("2001:db8::ffff", MAC_A, NOW - 1)], {}, NOW)
    assert {table.get(address) for address in addresses} == {Entry("a", "corporate", NOW + 300)}
    assert table.get("2001:db8::ffff") is None


def test_shared_addresses_mean_no_device() -> None:
    """In a network that is declared as shared neither inventory nor lease makes an address a device."""
    identity = Identity.model_validate({"shared": ["192.0.2.0/30", "2001:db8:99::/48"]})
    leases = [Lease("192.0.2.3", MAC_B, inf), Lease("2001:db8:99::1", MAC_A, inf), Lease("192.0.2.7", MAC_A, inf)]
    table = compile_table([A, B], leases, {}, NOW, identity)
    known = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8:99::1", "192.0.2.7", "device:a")
    assert [bool(table.get(key)) for key in known] == [False, False, False, False, True, True]


def test_macs_are_known_only_where_somebody_may_say_them() -> None:
    """MACs are in the table only with `edns_mac`; one of two devices belongs to neither."""
    twin = Device("c", "", "", "", "corporate", (MAC_B,), ())
    assert compile_table([A], [], {}, NOW).get(mac_key(MAC_A)) is None
    table = compile_table([A, B, twin], [], {}, NOW, Identity.model_validate({"edns_mac": ["192.0.2.53/32"]}))
    assert table.get(mac_key(MAC_A)) == Entry("a", "corporate", inf)
    assert table.get(mac_key(MAC_B)) == Entry("", "corporate", inf)
    assert table.get(mac_key(MAC_X)) is None


@pytest.mark.parametrize("name", ["a\0", "\0", "\0a", "", "a\0b", "phon\0", "p\0\0\0\0", "phone\0", "\ufffd", "a\tb"])
def test_names_that_nobody_has(name: str) -> None:
    """Whatever somebody calls himself is compared as a whole, NUL included."""
    phone = Device("phone", "", "", "", "corporate", (), ())
    assert compile_table([A, phone], [], {}, NOW).get(device_key(name)) is None


def test_an_empty_table_knows_nobody() -> None:
    """The table before the first inventory."""
    assert ClientTable().get("192.0.2.1") is None
