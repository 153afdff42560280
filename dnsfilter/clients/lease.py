"""What all lease formats share: a lease, the record that a parser writes to, and the fields they have in common.

Knows no format and reads no file.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from dnsfilter.clients.addresses import canonical_address, parse_mac
from dnsfilter.errors import Problem

_Value = TypeVar("_Value")

_LINK_LAYER_TIME = b"\x00\x01\x00\x01"
_LINK_LAYER = b"\x00\x03\x00\x01"
_MAC_LENGTH = 6
_DUID_LENGTHS = {_LINK_LAYER_TIME: 14, _LINK_LAYER: 10}
_MAX_TIME_DIGITS = 15


class Lease(NamedTuple):
    """An address in use; `expires` is seconds since the epoch, infinite for a lease without an end."""

    address: str
    mac: str
    expires: float


class LeaseFile(NamedTuple):
    """The text of a file, the name it is called by, and when it was written in seconds since the epoch."""

    text: str
    name: str
    written: float


class Record:
    """For each address the last word that was said of it, and what could not be read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._leases: dict[str, Lease] = {}

    @property
    def leases(self) -> list[Lease]:
        """The leases that stand."""
        return list(self._leases.values())

    def grant(self, address: str, mac: str, expires: float) -> None:
        """Let an address belong to a MAC from here on."""
        self._leases[address] = Lease(address, mac, expires)

    def free(self, address: str) -> None:
        """Let an address belong to nobody from here on."""
        self._leases.pop(address, None)

    def take(self, file: LeaseFile, parse: Callable[[str, int], None], first: int = 1) -> None:
        """Give a parser each line that is not empty, from line `first` on; the ValueError of a line is a problem."""
        for number, line in enumerate(file.text.splitlines()[first - 1 :], start=first):
            stripped = line.strip()
            try:
                if stripped:
                    parse(stripped, number)
            except ValueError as error:
                self.problems.append(Problem(str(error), file.name, number))


def lease_address(text: str) -> str:
    """Return an address in canonical form; ValueError names what is none."""
    return parse_field(canonical_address, text, "an address")


def lease_time(text: str) -> float:
    """Parse seconds since the epoch; ValueError names what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_TIME_DIGITS):
        raise ValueError(f"{text!r} is not a time in seconds since the epoch")
    return float(text)


def parse_field(parse: Callable[[str], _Value], text: str, what: str) -> _Value:
    """Parse one field; ValueError says what it should be."""
    try:
        return parse(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {what}") from None


def mac_of_duid(duid: bytes) -> str | None:
    """Return the MAC inside a DUID that is made from one (RFC 8415 sections 11.2 and 11.4)."""
    if len(duid) == _DUID_LENGTHS.get(duid[: len(_LINK_LAYER)]):
        return parse_mac(duid[-_MAC_LENGTH:].hex())
    return None


def parse_octets(text: str) -> bytes:
    """Parse octets in hexadecimal with colons between them; ValueError otherwise."""
    return bytes.fromhex(text.replace(":", ""))
