"""The kernel's neighbour table: /proc/net/arp (IPv4), and what `ip neigh show` prints (IPv4 and IPv6).

It is the only source that knows the addresses which a device gave itself, IPv6 privacy addresses among them. An entry
has no end of its own: it counts for a while from when the file was written. Reads no file and no clock.
"""

from dnsfilter.clients.addresses import parse_mac
from dnsfilter.clients.lease import LeaseFile, Record, lease_address, parse_field

NEIGHBOUR_SECONDS = 300.0

_ARP_COLUMNS = 6
_ARP_HEADER = "IP address"
_ETHERNET = "0x1"
_COMPLETE = 0x2
_UNANSWERED = {"FAILED", "INCOMPLETE"}


def parse_arp(file: LeaseFile, record: Record) -> None:
    """Record what /proc/net/arp says: address, hardware type, flags, MAC, mask, interface."""
    expires = file.written + NEIGHBOUR_SECONDS
    record.take(file, lambda line, _: _take_arp(line, record, expires))


def _take_arp(line: str, record: Record, expires: float) -> None:
    if line.startswith(_ARP_HEADER):
        return
    words = line.split()
    if len(words) != _ARP_COLUMNS:
        raise ValueError(f"{line!r} is not: address, hardware type, flags, MAC, mask, interface")
    address, hardware, flags, mac = words[:4]
    address = lease_address(address)
    if hardware == _ETHERNET and parse_field(_parse_flags, flags, "a number of flags") & _COMPLETE:
        record.grant(address, parse_mac(mac), expires)


def _parse_flags(text: str) -> int:
    return int(text, 16)


def parse_ip_neigh(file: LeaseFile, record: Record) -> None:
    """Record what `ip neigh show` printed: `address dev interface lladdr mac [router] state`."""
    expires = file.written + NEIGHBOUR_SECONDS
    record.take(file, lambda line, _: _take_ip_neigh(line.split(), record, expires))


def _take_ip_neigh(words: list[str], record: Record, expires: float) -> None:
    address = lease_address(words[0])
    if "lladdr" in words[:-1] and _UNANSWERED.isdisjoint(words):
        record.grant(address, parse_mac(words[words.index("lladdr") + 1]), expires)
