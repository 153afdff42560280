"""The two plainest syntaxes: one name a line, and the hosts file."""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Syntax, quote, read_name, strip_comment
from dnsfilter.blocklist.parsed import Entry, Kind

# What every hosts file defines for the machine itself; not what its author wants blocked.
_OWN_NAME = re.compile(
    r"localhost[46]?(?:\.localdomain[46]?)?|local|broadcasthost|loopback|0\.0\.0\.0"
    r"|ip6-(?:localhost|loopback|localnet|mcastprefix|allnodes|allrouters|allhosts)"
)


def _read_domain(line: str) -> Iterator[Entry]:
    text = strip_comment(line)
    if not text:
        return
    if len(text.split()) > 1:
        raise ValueError(f"{quote(text)} is more than one name; is this a hosts file?")
    yield Kind.SUFFIX, read_name(text.removeprefix("*.").removeprefix(".") or text)


def _read_hosts(line: str) -> Iterator[Entry]:
    fields = strip_comment(line).split()
    if not fields:
        return
    try:
        ip_address(fields[0].partition("%")[0])
    except ValueError:
        raise ValueError(f"{quote(fields[0])} is not an address; a hosts file has one before the names") from None
    if len(fields) == 1:
        raise ValueError(f"{quote(line)} has no name behind the address")
    for name in fields[1:]:
        if not _OWN_NAME.fullmatch(name):
            yield Kind.EXACT, read_name(name)


DOMAINS = Syntax(re.compile(rf"{NOT_TOO_LONG}({NAME})\.?"), Kind.SUFFIX, _read_domain)
HOSTS = Syntax(
    re.compile(rf"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)[ \t]+(?!localhost){NOT_TOO_LONG}({NAME})"), Kind.EXACT, _read_hosts
)
