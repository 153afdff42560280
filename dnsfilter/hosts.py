"""Hosts files (hosts(5)): an address and its names a line -> records of local data, in zone-file notation.

Reads no file; whoever does says which it was.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from dnsfilter.errors import InputError, Problem
from dnsfilter.names import canonical

TTL = 60
"""Seconds; the file says nothing of it, and may change at the next reload."""


def parse_hosts(text: str, file: str) -> list[str]:
    """Return the address records of a hosts file; InputError names every line that is not one of it."""
    records: list[str] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        try:
            records += _read_line(line.partition("#")[0].split())
        except ValueError as error:
            problems.append(Problem(str(error), file, number))
    if problems:
        raise InputError(problems)
    return records


def _read_line(fields: list[str]) -> Iterator[str]:
    if not fields:
        return
    try:
        address = ip_address(fields[0])
    except ValueError:
        raise ValueError(f"{fields[0]!r} is not an address; a hosts file has one before the names") from None
    if len(fields) == 1:
        raise ValueError(f"{fields[0]} has no name behind it")
    names = list(map(canonical, fields[1:]))
    if isinstance(address, IPv6Address) and address.scope_id:
        return  # means something only to the machine that the file is for
    rtype = "AAAA" if address.version == 6 else "A"  # noqa: PLR2004 - IPv6
    yield from (f"{name}. {TTL} IN {rtype} {address.exploded}" for name in names)
