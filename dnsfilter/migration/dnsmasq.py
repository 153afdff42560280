"""dnsmasq.conf: servers, addresses, host records, aliases, hosts and blocked names. DHCP stays with dnsmasq."""

from dnsfilter.migration.converted import TTL, Converted

_NOWHERE = frozenset(("", "#", "0.0.0.0", "::", "127.0.0.1", "::1"))  # noqa: S104 - addresses that block
_SILENT = frozenset(
    ("no-resolv", "domain-needed", "bogus-priv", "no-poll", "bind-interfaces", "bind-dynamic", "expand-hosts")
)


def convert(text: str, converted: Converted) -> None:
    """Take in all that a file says."""
    for number, line in enumerate(text.splitlines(), 1):
        key, _, value = line.partition("#" if line.lstrip().startswith("#") else " #")[0].strip().partition("=")
        if key:
            _convert(key.strip(), value.strip(), converted, number)


def _convert(key: str, value: str, converted: Converted, line: int) -> None:
    match key:
        case "server" | "rev-server" if value:
            _convert_server(key, value, converted, line)
        case "address" if value.startswith("/"):
            *names, address = value[1:].split("/")
            for name in names:
                _convert_address(name, address, converted, line)
        case "host-record" | "cname" if "," in value:
            _convert_record(key, [part.strip() for part in value.split(",")], converted, line)
        case _:
            _convert_setting(key, value, converted, line)


def _convert_setting(key: str, value: str, converted: Converted, line: int) -> None:
    match key:
        case "addn-hosts":
            converted.hosts.append(value)
        case "listen-address":
            converted.listen += [part.strip() for part in value.split(",")]
        case "port" if value.isdecimal():
            converted.port = int(value)
        case "conf-file":
            converted.subscribe(value, line, "dnsmasq")
        case _ if key not in _SILENT:
            converted.lose(f"{key}={value}" if value else key, line)


def _convert_record(key: str, parts: list[str], converted: Converted, line: int) -> None:
    if key == "cname":
        for name in parts[:-1]:
            converted.add_record(f"{name.rstrip('.')}. {TTL} CNAME {parts[-1].rstrip('.')}.", line)
        return
    for name in (part for part in parts if not _is_address(part)):
        for address in filter(_is_address, parts):
            converted.add_address(name, address, line)


def _convert_server(key: str, value: str, converted: Converted, line: int) -> None:
    *names, server = value.strip("/").split("/") if value.startswith("/") and not value.endswith("/") else [value]
    if key == "rev-server" or not server or "@" in server or value.endswith("/"):
        converted.lose(f"{key}={value}", line)
        return
    host, _, port = server.partition("#")
    host = f"[{host}]" if ":" in host else host
    converted.add_server(f"{host}:{port}" if port else host, line, [name.strip(".") for name in names])


def _convert_address(name: str, address: str, converted: Converted, line: int) -> None:
    """Take an address, which holds for the name and all below."""
    if address in _NOWHERE:
        converted.block(name, line)
        return
    for owner in (name, f"*.{name}"):
        converted.add_address(owner, address, line)


def _is_address(text: str) -> bool:
    return bool(text) and (":" in text or text.replace(".", "").isdecimal())
