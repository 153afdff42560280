"""Addresses and MACs in the one form that inventory, leases and queries share."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = str.maketrans("", "", ":-.")


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Parse an address; an IPv4-mapped one is the IPv4 address, a zone (`%eth0`) is dropped. ValueError otherwise."""
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def parse_mac(text: str) -> str:
    """Parse a MAC in any usual notation into `aa:bb:cc:dd:ee:ff`; ValueError otherwise."""
    digits = text.lower().translate(_SEPARATORS)
    if not _MAC.fullmatch(digits):
        raise ValueError(f"{text!r} is not a MAC address")
    return ":".join(digits[index : index + 2] for index in range(0, 12, 2))
