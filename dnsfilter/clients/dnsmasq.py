"""dnsmasq's lease file: `expiry mac address hostname clientid`, for IPv6 with an IAID and a DUID.

The server's own DUID stands on a line of its own. Reads no file and no clock.
"""

from math import inf

from dnsfilter.clients.addresses import parse_mac
from dnsfilter.clients.lease import LeaseFile, Record, lease_address, lease_time, mac_of_duid, parse_octets


def parse_dnsmasq(file: LeaseFile, record: Record) -> None:
    """Record what a lease file says."""
    record.take(file, lambda line, _: _take(line.split(), record))


def _take(words: list[str], record: Record) -> None:
    if words[0] == "duid":
        return
    if len(words) < 3:  # noqa: PLR2004 - expiry, MAC, address
        raise ValueError(f"{' '.join(words)!r} is not: expiry mac address hostname clientid")
    expiry = lease_time(words[0])
    address = lease_address(words[2])
    mac = _mac_of(words[-1]) if ":" in address else parse_mac(words[1])
    if mac:
        record.grant(address, mac, expiry or inf)


def _mac_of(duid: str) -> str | None:
    try:
        return mac_of_duid(parse_octets(duid))
    except ValueError:  # `*`: the client sent none
        return None
