"""Kea's lease files (memfile): CSV with a header, one line for each change, the last one of an address counts.

Commas inside a value are written `&#x2c`, quotes mean nothing. Reads no file and no clock.
"""

from dnsfilter.clients.addresses import parse_mac
from dnsfilter.clients.lease import LeaseFile, Record, lease_address, lease_time, mac_of_duid, parse_field, parse_octets
from dnsfilter.errors import Problem

COMPANIONS = (".2", ".1", ".completed")
"""What Kea's cleanup calls the files it makes of the lease file, in the order in which they count; it comes last."""

_REQUIRED = ("address", "expire")
_IN_USE = "0"
_PREFIX = "2"


def parse_kea(file: LeaseFile, record: Record) -> None:
    """Record what a lease file for IPv4 or IPv6 says."""
    first, _, _ = file.text.partition("\n")
    header = first.strip().split(",") if first else list(_REQUIRED)
    if missing := [column for column in _REQUIRED if column not in header]:
        message = f"has no column {missing[0]!r}; its first line is {','.join(header)!r}"
        record.problems.append(Problem(message, file.name, 1))
        return
    record.take(file, lambda line, _: _take(dict(zip(header, line.split(","), strict=False)), record), first=2)


def _take(row: dict[str, str], record: Record) -> None:
    if row.get("lease_type") == _PREFIX:
        return
    address = lease_address(row["address"])
    record.free(address)
    if row.get("state", _IN_USE) == _IN_USE:
        expires = lease_time(row.get("expire", ""))
        if mac := _mac_of(row):
            record.grant(address, mac, expires)


def _mac_of(row: dict[str, str]) -> str | None:
    if hardware := row.get("hwaddr"):
        return parse_mac(hardware)
    return mac_of_duid(parse_field(parse_octets, row.get("duid", ""), "a DUID"))
