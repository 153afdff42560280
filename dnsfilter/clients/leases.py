"""Lease files of DHCP servers and the kernel's neighbour table: which MAC holds which address until when.

A line that cannot be read is a problem and the rest goes on. Reads no file and no clock; each format has its module.
"""

from collections.abc import Callable, Iterable, Mapping

from dnsfilter.clients.dnsmasq import parse_dnsmasq
from dnsfilter.clients.isc_dhcpd import parse_isc_dhcpd
from dnsfilter.clients.kea import COMPANIONS, parse_kea
from dnsfilter.clients.lease import Lease, LeaseFile, Record
from dnsfilter.clients.neighbours import parse_arp, parse_ip_neigh
from dnsfilter.errors import Problem
from dnsfilter.settings.order import LeaseFormat

__all__ = ["Lease", "LeaseFile", "companions", "parse_leases"]

_PARSERS: Mapping[LeaseFormat, Callable[[LeaseFile, Record], None]] = {
    "dnsmasq": parse_dnsmasq,
    "isc-dhcpd": parse_isc_dhcpd,
    "kea": parse_kea,
    "arp": parse_arp,
    "ip-neigh": parse_ip_neigh,
}


def companions(file: str, form: LeaseFormat) -> tuple[str, ...]:
    """Name the files that belong before a lease file, where there are any."""
    return tuple(file + suffix for suffix in COMPANIONS) if form == "kea" else ()


def parse_leases(files: Iterable[LeaseFile], form: LeaseFormat) -> tuple[list[Lease], list[Problem]]:
    """Parse the files of one source; what a later one says of an address replaces what an earlier one said."""
    record = Record()
    for file in files:
        _PARSERS[form](file, record)
    return record.leases, record.problems
