"""Each format has its parser, and the files of one source are one story."""

from math import inf
from typing import get_args

import pytest

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.leases import Lease, LeaseFile, companions, parse_leases
from dnsfilter.clients.table import compile_table
from dnsfilter.model import Device
from dnsfilter.settings.order import LeaseFormat

MAC = "02:00:5e:00:53:01"
TEXTS: dict[LeaseFormat, str] = {
    "dnsmasq": f"0 {MAC} 192.0.2.1 * *\n",
    "isc-dhcpd": f"lease 192.0.2.1 {{\n  ends never;\n  binding state active;\n  hardware ethernet {MAC};\n}}\n",
    "kea": f"address,hwaddr,expire,state\n192.0.2.1,{MAC},1700000000,0\n",
    "arp": f"192.0.2.1 0x1 0x2 {MAC} * eth0\n",
    "ip-neigh": f"192.0.2.1 dev eth0 lladdr {MAC} STALE\n",
}
PRIVACY_ADDRESSES = ["2001:db8::4c1a:9be2:77f0:1d35", "2001:db8::e81f:205:aa31:c6d2", "fe80::5eff:fe00:5301"]


@pytest.mark.parametrize("form", get_args(LeaseFormat))
def test_every_format_is_read(form: LeaseFormat) -> None:
    """Every format that a configuration may name has a parser."""
    leases, problems = parse_leases([LeaseFile(TEXTS[form], "leases", 1_700_000_000.0)], form)
    assert [(lease.address, lease.mac, problems) for lease in leases] == [("192.0.2.1", MAC, [])]


def test_later_files_of_a_source_count() -> None:
    """A lease that a later file frees is gone, one of which it says nothing stays."""
    header = "address,hwaddr,expire,state\n"
    before = LeaseFile(f"{header}192.0.2.1,{MAC},1700000000,0\n192.0.2.2,{MAC},1700000000,0\n", "kea.csv.2", 0.0)
    now = LeaseFile(f"{header}192.0.2.1,{MAC},1700000000,2\n", "kea.csv", 0.0)
    assert parse_leases([before, now], "kea") == ([Lease("192.0.2.2", MAC, 1_700_000_000.0)], [])


def test_only_kea_has_companions() -> None:
    """Kea's cleanup leaves older leases in files beside the one that it goes on writing."""
    assert companions("/k.csv", "kea") == ("/k.csv.2", "/k.csv.1", "/k.csv.completed")
    assert companions("/leases", "dnsmasq") == ()


def test_privacy_addresses_are_one_device() -> None:
    """All addresses that a device gave itself lead to it by its MAC, while the neighbour table is fresh."""
    text = "".join(f"{address} dev eth0 lladdr {MAC} REACHABLE\n" for address in PRIVACY_ADDRESSES)
    leases, _ = parse_leases([LeaseFile(text, "neighbours", 1_000.0)], "ip-neigh")
    devices = [Device("phone", "", "", "", "", (MAC,), ())]
    directory = Directory([], compile_table(devices, leases, {}, 1_000.0))
    assert {directory.find(address, 1_299.0).device for address in PRIVACY_ADDRESSES} == {"phone"}
    assert {directory.find(address, 1_300.0).device for address in PRIVACY_ADDRESSES} == {""}
    assert directory.find("2001:db8::1", 1_299.0).device == ""


def test_sources_agree_on_a_device() -> None:
    """A DHCPv4 lease, a DHCPv6 lease and the neighbour table lead to the same device."""
    dhcp4, _ = parse_leases([LeaseFile(TEXTS["isc-dhcpd"], "dhcpd.leases", 0.0)], "isc-dhcpd")
    row = f"2001:db8::5,00:03:00:01:{MAC},1700000000,0\n"
    dhcp6, _ = parse_leases([LeaseFile(f"address,duid,expire,state\n{row}", "kea-leases6.csv", 0.0)], "kea")
    seen, _ = parse_leases([LeaseFile(f"fe80::1 dev eth0 lladdr {MAC} STALE\n", "neighbours", 0.0)], "ip-neigh")
    devices = [Device("phone", "", "", "", "", (MAC,), ())]
    table = compile_table(devices, [*dhcp4, *dhcp6, *seen], {}, 0.0)
    entries = [table.get(address) for address in ("192.0.2.1", "2001:db8::5", "fe80::1")]
    assert [(entry.device, entry.expires) for entry in entries if entry] == [
        ("phone", inf),
        ("phone", 1_700_000_000.0),
        ("phone", 300.0),
    ]
