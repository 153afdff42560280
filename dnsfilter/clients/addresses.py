"""Addresses and MACs in the one form that inventory, leases and queries share."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

_MAC = re.compile(r"[0-9a-f]{12}")
_CANONICAL_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_CANONICAL_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_SEPARATORS = str.maketrans("", "", ":-.")


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Parse an address; an IPv4-mapped one is the IPv4 address, a zone (`%eth0`) is dropped. ValueError otherwise."""
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def canonical_address(text: str) -> str:
    """Return an address as it is written everywhere; ValueError when it is none."""
    return text if _CANONICAL_IPV4.fullmatch(text) else str(parse_address(text))


def parse_mac(text: str) -> str:
    """Parse a MAC in any usual notation into `aa:bb:cc:dd:ee:ff`; ValueError otherwise."""
    if _CANONICAL_MAC.fullmatch(text):
        return text
    digits = text.lower().translate(_SEPARATORS)
    if not _MAC.fullmatch(digits):
        raise ValueError(f"{text!r} is not a MAC address")
    return bytes.fromhex(digits).hex(":")
