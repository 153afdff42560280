"""Lease files of DHCP servers: which MAC holds which address until when.

A line that cannot be read is a problem and the rest goes on. Reads no file and no clock.
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple, TypeVar

from dnsfilter.clients.addresses import parse_address, parse_mac
from dnsfilter.errors import Problem

_Value = TypeVar("_Value")

_LINK_LAYER_TIME = "00:01:00:01:"
_LINK_LAYER = "00:03:00:01:"
_MAC_TEXT_LENGTH = 17


class Lease(NamedTuple):
    """An address in use; `expires` is seconds since the epoch, infinite for a lease without an end."""

    address: str
    mac: str
    expires: float


def parse_leases(text: str, file: str) -> tuple[list[Lease], list[Problem]]:
    """Parse dnsmasq's lease file: `expiry mac address hostname clientid`, for IPv6 with an IAID and a DUID."""
    leases: list[Lease] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0] == "duid":
            continue
        try:
            lease = _parse_line(words)
        except ValueError as error:
            problems.append(Problem(str(error), file, number))
        else:
            leases += [lease] if lease else []
    return leases, problems


def _parse_line(words: list[str]) -> Lease | None:
    if len(words) < 3:  # noqa: PLR2004 - expiry, MAC, address
        raise ValueError(f"{' '.join(words)!r} is not: expiry mac address hostname clientid")
    expiry = _parse(int, words[0], "a time in seconds since the epoch")
    address = _parse(parse_address, words[2], "an address")
    mac = parse_mac(words[1]) if address.version == 4 else _mac_of_duid(words[-1])  # noqa: PLR2004 - IPv4
    return Lease(str(address), mac, float(expiry) or inf) if mac else None


def _parse(parse: Callable[[str], _Value], text: str, what: str) -> _Value:
    try:
        return parse(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {what}") from None


def _mac_of_duid(duid: str) -> str | None:
    """Return the MAC inside a DUID that is made from one (RFC 8415 sections 11.2 and 11.4)."""
    if duid.startswith((_LINK_LAYER_TIME, _LINK_LAYER)):
        return parse_mac(duid[-_MAC_TEXT_LENGTH:])
    return None
