"""A configuration in the making: what another resolver's file says, every value checked, losses with lines."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import yaml

from dnsfilter.errors import Problem
from dnsfilter.names import canonical
from dnsfilter.values import parse_server
from dnsfilter.wire.zone import parse_record

NAMES_LIST = "converted"
"""The name of the list that single blocked names go into."""

TTL = 300
LONG_AGO = "2020-01-01"

_EVERYBODY = frozenset(("0.0.0.0/0", "::/0"))


class Converted:
    """Collects sections; `names` are to be blocked, one a line, in a file of their own."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.losses: list[Problem] = []
        self.names: list[str] = []
        self.hosts: list[str] = []
        self.listen: list[str] = []
        self.port = 53
        self._upstreams: dict[tuple[str, ...], list[str]] = {}
        self._clients: list[str] = []
        self._records: list[str] = []
        self._blocklists: list[dict[str, str]] = []
        self._allow: list[dict[str, str]] = []
        self._rebinding: dict[str, list[str]] = {"networks": [], "allow": []}

    def lose(self, what: str, line: int) -> None:
        """Note what has no counterpart."""
        self.losses.append(Problem(f"not converted: {what[:100]}", self.file, line))

    def _try(self, line: int, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except ValueError as error:
            self.lose(f"{what}: {error}", line)

    def add_server(self, server: str, line: int, domains: Iterable[str] = ()) -> None:
        """Ask this server, for these domains only where there are any."""

        def add() -> None:
            parse_server(server)
            names = tuple(canonical(domain) for domain in domains)
            self._upstreams.setdefault(names, []).append(server)

        self._try(line, server, add)

    def add_client(self, network: str, line: int, *, is_allowed: bool = True) -> None:
        """Serve a network, or no other than those that are served."""

        def add() -> None:
            text = str(_parse_network(network))
            if is_allowed:
                self._clients.append(text)
            elif text not in _EVERYBODY:
                self.lose(f"{network}: who is not in allow_clients is refused; leave this network out there", line)

        self._try(line, network, add)

    def add_record(self, record: str, line: int) -> None:
        """Answer by this record."""

        def add() -> None:
            parse_record(record)
            self._records.append(record)

        self._try(line, record, add)

    def add_address(self, name: str, address: str, line: int, ttl: int = TTL) -> None:
        """Answer a name with an address."""
        try:
            rtype = "A" if ip_address(address).version == 4 else "AAAA"  # noqa: PLR2004 - of IPv4
        except ValueError:
            self.lose(f"{name} {address}", line)
            return
        self.add_record(f"{name.rstrip('.')}. {ttl} {rtype} {address}", line)

    def block(self, name: str, line: int) -> None:
        """Block a name and all below."""
        self._try(line, name, lambda: self.names.append(canonical(name.rstrip("."))))

    def free(self, name: str, line: int, why: str) -> None:
        """Free a name and all below."""
        self._try(line, name, lambda: self._allow.append({"name": canonical(name.rstrip(".")), "reason": why}))

    def subscribe(self, source: str, line: int, syntax: str, name: str = "") -> None:
        """Use a list: a URL, or a file."""
        label = "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")[:50]
        label = label or f"list-{len(self._blocklists) + 1}"
        if not label.isascii() or any(each["name"] == label for each in self._blocklists):
            label = f"list-{len(self._blocklists) + 1}"
        key = "url" if source.startswith(("http://", "https://")) else "file"
        if "://" in source and key == "file":
            self.lose(source, line)
        else:
            self._blocklists.append({"name": label, key: source, "format": syntax})

    def protect(self, network: str, line: int) -> None:
        """Let no public name lead to these addresses."""
        self._try(line, network, lambda: self._rebinding["networks"].append(str(_parse_network(network))))

    def exempt(self, name: str, line: int) -> None:
        """Let this name lead to private addresses."""
        self._try(line, name, lambda: self._rebinding["allow"].append(canonical(name.rstrip("."))))

    def to_yaml(self, names_file: str) -> str:
        """Return the configuration; single names are in a file of this name."""
        return yaml.safe_dump(self._gather(names_file), sort_keys=False, allow_unicode=True, width=120)

    def _gather(self, names_file: str) -> dict[str, Any]:
        blocklists = list(self._blocklists)
        if self.names:
            blocklists.append({"name": NAMES_LIST, "file": names_file, "format": "domains"})
        upstreams = [
            {"servers": servers, **({"domains": list(domains)} if domains else {})}
            for domains, servers in sorted(self._upstreams.items())
        ]
        if () not in self._upstreams:
            upstreams.insert(0, {"servers": ["system"]})
        policy = {
            "name": "converted",
            "blocklists": [each["name"] for each in blocklists],
            "phases": {"enforce": LONG_AGO},
        }
        found: dict[str, Any] = {
            "listen": {"dns": [_join(host, self.port) for host in self.listen]} if self.listen else None,
            "allow_clients": self._clients,
            "upstreams": upstreams,
            "records": self._records,
            "hosts": self.hosts,
            "rebinding": {"protect": True, **{key: each for key, each in self._rebinding.items() if each}}
            if self._rebinding["networks"]
            else None,
            "blocklists": blocklists,
            "allow": self._allow,
            "policies": [policy] if blocklists else None,
        }
        return {key: value for key, value in found.items() if value}


def _parse_network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text.strip(), strict=False)


def _join(host: str, port: int) -> str:
    if "@" in host:
        host, _, text = host.partition("@")
        port = int(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
