"""unbound.conf(5): forward and stub zones, access control, local data and zones, private addresses, rpz."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from dnsfilter.migration.converted import Converted
from dnsfilter.names import is_within

_LINE = re.compile(r"\s*([a-z0-9-]+):(?:\s|$)(.*)")
_WORD = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s"'#]\S*))""")
_CLAUSES = frozenset(
    ("server", "forward-zone", "stub-zone", "rpz", "auth-zone", "remote-control", "python", "view", "cachedb", "dnstap")
)
_BLOCKING = frozenset(
    (
        "always_nxdomain",
        "always_refuse",
        "always_null",
        "always_nodata",
        "static",
        "refuse",
        "deny",
        "inform_deny",
        "redirect",
    )
)
_WITH_DATA = frozenset(("transparent", "typetransparent", "nodefault", "static", "redirect"))
_SILENT = frozenset(("chroot", "username", "directory", "pidfile", "do-ip4", "do-ip6", "do-udp", "do-tcp", "verbosity"))


class _Option(NamedTuple):
    clause: int
    kind: str
    key: str
    value: str
    line: int


def convert(text: str, converted: Converted) -> None:
    """Take in all that a file says."""
    clauses: dict[int, list[_Option]] = {}
    for option in _read(text, converted):
        clauses.setdefault(option.clause, []).append(option)
    data = {
        option.value.split()[0].rstrip(".")
        for options in clauses.values()
        for option in options
        if option.key == "local-data" and option.value
    }
    for options in clauses.values():
        _CONVERTERS.get(options[0].kind, _lose)(options, converted, data)


def _read(text: str, converted: Converted) -> Iterator[_Option]:
    clause, kind = 0, "server"
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.match(line)
        if match is None:
            if line.strip() and not line.lstrip().startswith("#"):
                converted.lose(line.strip(), number)
            continue
        key, value = match[1], _read_value(match[2])
        if not value and key in _CLAUSES:
            clause, kind = clause + 1, key
        else:
            yield _Option(clause, kind, key, value, number)


def _read_value(text: str) -> str:
    """Return the words of a value without quotes and remarks."""
    words: list[str] = []
    while match := _WORD.match(text):
        words.append(match[1] or match[2] or match[3] or "")
        text = text[match.end() :]
    return " ".join(words)


def _convert_server(options: list[_Option], converted: Converted, data: set[str]) -> None:
    for option in options:
        match option.key, option.value.split():
            case "interface" | "ip-address", [address]:
                converted.listen.append(address)
            case "port", [port] if port.isdecimal():
                converted.port = int(port)
            case "access-control", [network, action]:
                converted.add_client(network, option.line, is_allowed=action.startswith("allow"))
            case "local-data" | "local-zone", [*_]:
                _convert_local(option, converted, data)
            case "private-address", [network]:
                converted.protect(network, option.line)
            case "private-domain", [name]:
                converted.exempt(name, option.line)
            case key, _ if key not in _SILENT:
                converted.lose(f"{key}: {option.value}", option.line)


def _convert_local(option: _Option, converted: Converted, data: set[str]) -> None:
    if option.key == "local-data":
        converted.add_record(re.sub(r"\s+IN\s+", " ", option.value, count=1), option.line)
        return
    name, kind = (*option.value.split(), "", "")[:2]
    if kind in _BLOCKING and not any(is_within(each, name.rstrip(".")) for each in data):
        converted.block(name, option.line)
    elif kind not in _WITH_DATA:
        converted.lose(f"{option.key}: {option.value}", option.line)


def _convert_forwarding(options: list[_Option], converted: Converted, _data: set[str]) -> None:
    name = next((option.value for option in options if option.key == "name"), ".")
    is_tls = any(
        option.key in ("forward-tls-upstream", "forward-ssl-upstream") and option.value == "yes" for option in options
    )
    for option in options:
        if option.key in ("forward-addr", "stub-addr"):
            converted.add_server(_to_server(option.value, is_tls=is_tls), option.line, () if name == "." else (name,))
        elif option.key not in ("name", "forward-tls-upstream", "forward-ssl-upstream", "forward-first", "stub-prime"):
            converted.lose(f"{option.key}: {option.value}", option.line)


def _to_server(value: str, *, is_tls: bool) -> str:
    address, _, name = value.replace(" ", "").partition("#")
    host, _, port = address.partition("@")
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port}" if port else host
    return f"tls://{place}{f'#{name}' if name else ''}" if is_tls else place


def _convert_rpz(options: list[_Option], converted: Converted, _data: set[str]) -> None:
    found = {option.key: option for option in options}
    source = found.get("url") or found.get("zonefile")
    if source:
        converted.subscribe(source.value, source.line, "rpz", found["name"].value if "name" in found else "")
    for option in options:
        if option is not source and option.key not in ("name", "zonefile"):
            converted.lose(f"{option.key}: {option.value}", option.line)


def _lose(options: list[_Option], converted: Converted, _data: set[str]) -> None:
    for option in options:
        converted.lose(f"{option.kind}: {option.key}: {option.value}", option.line)


_CONVERTERS = {
    "server": _convert_server,
    "forward-zone": _convert_forwarding,
    "stub-zone": _convert_forwarding,
    "rpz": _convert_rpz,
}
