"""ISC dhcpd's lease file: `lease` blocks, for IPv6 `iaaddr` blocks in `ia-na`; the last one of an address counts.

dhcpd writes one statement to a line and times in UTC. All other declarations are passed over. Reads no file and no
clock.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from math import inf

from dnsfilter.clients.addresses import parse_mac
from dnsfilter.clients.lease import LeaseFile, Record, lease_address, lease_time, mac_of_duid, parse_octets
from dnsfilter.errors import Problem

_OUTERMOST = {"lease", "ia-na", "ia-ta", "ia-pd"}
_STATEMENTS = ("binding ", "hardware ", "ends ")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_IAID_LENGTH = 4


def parse_isc_dhcpd(file: LeaseFile, record: Record) -> None:
    """Record what a lease file says."""
    reader = _Reader(file.name, record)
    record.take(file, reader.take)
    reader.abandon()


@dataclass(slots=True)
class _Block:
    """A block that is open; only that of a lease has an address."""

    line: int
    address: str = ""
    mac: str | None = None
    ends: float | None = None
    is_active: bool = True


class _Reader:
    """Follows the blocks of one file."""

    def __init__(self, file: str, record: Record) -> None:
        self._file = file
        self._record = record
        self._open: list[_Block] = []

    def take(self, line: str, number: int) -> None:
        """Read one line; ValueError when it says nothing that can be understood."""
        if line.startswith("}"):
            self._close()
        if line.endswith("{"):
            self._enter(line, number)
        elif line.startswith(_STATEMENTS) and self._open and self._open[-1].address:
            self._state(self._open[-1], line.partition(";")[0].split())

    def abandon(self) -> None:
        """Give up all blocks that are open."""
        if self._open:
            self._record.problems.append(Problem("this block is never closed", self._file, self._open[0].line))
        self._open.clear()

    def _enter(self, line: str, number: int) -> None:
        kind, _, rest = line.removesuffix("{").strip().partition(" ")
        if kind in _OUTERMOST:
            self.abandon()
        block = _Block(number)
        self._open.append(block)
        if kind == "ia-na":
            block.mac = _mac_of_association(rest.strip())
        elif kind == "lease":
            block.address = lease_address(rest.strip())
        elif kind == "iaaddr" and len(self._open) > 1:
            block.mac = self._open[-2].mac
            block.address = lease_address(rest.strip())

    def _state(self, block: _Block, words: list[str]) -> None:
        """Take note of a statement; one that cannot be understood leaves the address to nobody."""
        try:
            match words:
                case ["binding", "state", state]:
                    block.is_active = block.is_active and state == "active"
                case ["hardware", "ethernet", mac]:
                    block.mac = parse_mac(mac)
                case ["ends", *time]:
                    block.ends = _parse_time(time)
        except ValueError:
            block.is_active = False
            raise

    def _close(self) -> None:
        if not self._open:
            raise ValueError("'}' closes nothing")
        block = self._open.pop()
        if not block.address:
            return
        self._record.free(block.address)
        if block.is_active and block.ends is None:
            self._record.problems.append(Problem("this lease has no 'ends'", self._file, block.line))
        elif block.is_active and block.mac and block.ends is not None:
            self._record.grant(block.address, block.mac, block.ends)


def _parse_time(words: list[str]) -> float:
    match words:
        case ["never"]:
            return inf
        case ["epoch", seconds]:
            return lease_time(seconds)
        case [_, date, time]:
            return _parse_moment(date, time)
    raise ValueError(f"{' '.join(words)!r} is not a time: weekday year/month/day hour:minute:second")


def _parse_moment(date: str, time: str) -> float:
    try:
        return datetime.fromisoformat(f"{date.replace('/', '-')}T{time}+00:00").timestamp()
    except ValueError:
        raise ValueError(f"'{date} {time}' is not a time: year/month/day hour:minute:second") from None


def _mac_of_association(text: str) -> str | None:
    """Return the MAC inside an IAID and DUID, which dhcpd writes as a string or in hexadecimal."""
    try:
        octets = _unescape(text[1:-1]) if text.startswith('"') else parse_octets(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IAID with a DUID") from None
    return mac_of_duid(octets[_IAID_LENGTH:])


def _unescape(text: str) -> bytes:
    return _ESCAPE.sub(_unescape_one, text).encode("latin-1")


def _unescape_one(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped, 8)) if len(escaped) > 1 else escaped
