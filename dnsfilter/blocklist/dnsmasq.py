"""dnsmasq configuration, as far as it blocks: `address=/name/…`, `server=/name/`, `local=/name/`; `/#` frees.

The address is not kept: what a listed name gets is the policy's decision. `*.name` is only what is below the name.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Syntax, quote, read_name
from dnsfilter.blocklist.parsed import Entry, Kind

_COMMENT = re.compile(r"(?:^|\s)#.*")
_DIRECTIVE = re.compile(r'(address|server|local)\s*=\s*("?)/(.+)/([^/]*)\2')
_ONLY_BELOW = {Kind.SUFFIX: Kind.BELOW, Kind.PASSED_SUFFIX: Kind.PASSED_BELOW}


def _read_directive(line: str) -> Iterator[Entry]:
    text = _COMMENT.sub("", line).rstrip()
    if not text:
        return
    directive = _DIRECTIVE.fullmatch(text)
    if not directive:
        raise ValueError(f"{quote(text)}: only address=/name/…, server=/name/ and local=/name/ are supported")
    kind = _read_kind(directive[1], directive[4])
    for name in directive[3].split("/"):
        if name.startswith("*."):
            yield _ONLY_BELOW[kind], _read_name(name[2:])
        else:
            yield kind, _read_name(name.lstrip(".") or name)


def _read_name(name: str) -> str:
    if name == "#":
        raise ValueError(f"{quote(name)} covers every name: too broad")
    if "*" in name:
        raise ValueError(f"{quote(name)}: a wildcard within a label is not supported")
    return read_name(name)


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
