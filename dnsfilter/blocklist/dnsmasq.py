"""dnsmasq configuration, as far as it blocks: `address=/name/…`, `server=/name/`, `local=/name/`; `/#` frees.

The address is not kept: what a listed name gets is the policy's decision.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Syntax, quote, read_name
from dnsfilter.blocklist.parsed import Entry, Kind

_COMMENT = re.compile(r"(?:^|\s)#.*")
_DIRECTIVE = re.compile(r"(address|server|local)=/(.+)/([^/]*)")


def _read_directive(line: str) -> Iterator[Entry]:
    text = _COMMENT.sub("", line).rstrip()
    if not text:
        return
    directive = _DIRECTIVE.fullmatch(text)
    if not directive:
        raise ValueError(f"{quote(text)}: only address=/name/…, server=/name/ and local=/name/ are supported")
    kind = _read_kind(directive[1], directive[3])
    for name in directive[2].split("/"):
        yield kind, read_name(name)


def _read_kind(directive: str, target: str) -> Kind:
    if directive == "address":
        if target not in ("", "#"):
            _check_address(target)
        return Kind.SUFFIX
    if target == "#":
        return Kind.PASSED_SUFFIX
    if target:
        raise ValueError(f"{directive}= with {quote(target)} forwards, it does not block: write it under upstreams")
    return Kind.SUFFIX


def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{quote(text)} is not an address") from None


DNSMASQ = Syntax(
    re.compile(
        rf"(?:address=/(?=[^/]+/(?:#|0\.0\.0\.0|127\.0\.0\.1|::)?$)|(?:server|local)=/(?=[^/]+/$)){NOT_TOO_LONG}"
        rf"({NAME})/.*"
    ),
    Kind.SUFFIX,
    _read_directive,
)
