"""A gateway's rules for nftables: what clients send is led to resolver and proxy, or refused; all else is forwarded.

    port 53                    to the resolver, whomever it was meant for     port 853       refused
    TCP 80 and 443 of networks that any policy lists       to the proxy, which knows the phase of each client
    all else of networks that are blocked now, such as QUIC                   refused

Pure: text from the configuration and lists. Names are the resolver's and the proxy's matter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

from dnsfilter.blocklist.export.coverage import Coverage, Network, Networks
from dnsfilter.blocklist.export.document import Document
from dnsfilter.blocklist.export.nftables import write_set, write_table
from dnsfilter.config import Configuration
from dnsfilter.settings.resolver import Sinkhole

_PROXY_PORT = 8080
"""Where mitmproxy listens in modes that name no port."""


class Redirect(StrEnum):
    """What of TCP 80 and 443 a gateway leads to the proxy."""

    LISTED = "listed"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Gateway:
    """What rules lead to and whom they concern; a port is 0 where nothing listens that could be led to.

    `resolvers` are the upstreams: they may ask whom they like. `unknown` are those whose address is not configured.
    """

    redirect: Redirect
    watched: Networks
    resolver_port: int
    proxy_port: int
    sinkhole_port: int
    clients: Sequence[Network]
    resolvers: Sequence[Network]
    unknown: Sequence[str]


def find_gateway(configuration: Configuration, redirect: Redirect, watched: Networks) -> Gateway:
    """Return the gateway of a configuration; `watched` are the networks of its lists in whatever phase."""
    dns = (endpoint.port for endpoint in configuration.listen.dns if not ip_address(endpoint.host).is_loopback)
    modes = dict(reversed([_read_mode(text) for text in configuration.proxy.listen]))
    servers = [server for upstream in configuration.upstreams for server in upstream.servers]
    hosts = [server.endpoint.host for server in servers if server.endpoint]
    return Gateway(
        redirect,
        watched,
        next(dns, 0),
        modes.get("transparent", 0),
        modes.get("reverse", 0) or modes.get("transparent", 0),
        configuration.allow_clients,
        [ip_network(host) for host in hosts if _is_foreign(host)],
        [server.text for server in servers if server.endpoint is None],
    )


def _read_mode(text: str) -> tuple[str, int]:
    """Return kind and port of a mitmproxy mode (`kind:data@host:port`), port 0 where only this machine reaches it."""
    spec, _, place = text.rpartition("@") if "@" in text else (text, "", "")
    host, _, port = place.rpartition(":")
    is_local = bool(host) and not _is_foreign(host.strip("[]"))
    return spec.partition(":")[0].strip().lower(), 0 if is_local else int(port or _PROXY_PORT)


def _is_foreign(host: str) -> bool:
    try:
        return not ip_address(host).is_loopback
    except ValueError:  # the host of a URL: a name
        return False


def write_gateway(gateway: Gateway, coverage: Coverage, sinkhole: Sinkhole) -> Document:
    """Write a file for `nft -f` that replaces what the last one made, at once."""
    lines = write_table(
        [
            *_write_sets("clients", gateway.clients),
            *_write_sets("resolvers", gateway.resolvers),
            *_write_sets("watched", [*gateway.watched.ipv4, *gateway.watched.ipv6]),
            *_write_sets("listed", [*coverage.ipv4, *coverage.ipv6]),
            *_write_chain("prerouting", "nat", "dstnat", "lead", _lead(gateway, sinkhole)),
            *_write_chain("forward", "filter", "filter", "refuse", _refuse(sinkhole)),
        ]
    )
    return Document(lines, list(_tell_losses(gateway, sinkhole)))


def _write_sets(name: str, networks: Iterable[Network]) -> Iterator[str]:
    """Write one set for each family; nft takes no networks that overlap."""
    every = list(networks)
    ipv4 = collapse_addresses(network for network in every if isinstance(network, IPv4Network))
    ipv6 = collapse_addresses(network for network in every if isinstance(network, IPv6Network))
    yield from write_set(f"{name}_ipv4", "ipv4_addr", list(ipv4))
    yield from write_set(f"{name}_ipv6", "ipv6_addr", list(ipv6))


def _write_chain(hook: str, kind: str, priority: str, name: str, rules: Iterable[str]) -> Iterator[str]:
    """Write a chain of rules and the one at a hook that sends what clients send through it."""
    yield f"  chain {name} {{"
    yield from (f"    {rule}" for rule in rules)
    yield "  }"
    yield f"  chain {hook} {{"
    yield f"    type {kind} hook {hook} priority {priority}; policy accept;"
    yield f"    ip saddr @clients_ipv4 ip saddr != @resolvers_ipv4 jump {name}"
    yield f"    ip6 saddr @clients_ipv6 ip6 saddr != @resolvers_ipv6 jump {name}"
    yield "  }"


def _lead(gateway: Gateway, sinkhole: Sinkhole) -> Iterator[str]:
    if gateway.resolver_port:
        yield f"meta l4proto {{ tcp, udp }} th dport 53 counter redirect to :{gateway.resolver_port}"
    if gateway.sinkhole_port:
        for destination in _match_sinkhole(sinkhole):
            yield f"{destination} tcp dport {{ 80, 443 }} counter redirect to :{gateway.sinkhole_port}"
    if gateway.proxy_port:
        to_proxy = f"tcp dport {{ 80, 443 }} counter redirect to :{gateway.proxy_port}"
        yield f"ip daddr @watched_ipv4 {to_proxy}"
        yield f"ip6 daddr @watched_ipv6 {to_proxy}"
        if gateway.redirect is Redirect.ALL:
            yield f"fib daddr type != local {to_proxy}"


def _match_sinkhole(sinkhole: Sinkhole) -> Iterator[str]:
    for family, address in (("ip", sinkhole.ipv4), ("ip6", sinkhole.ipv6)):
        if _is_foreign(str(address)):
            yield f"{family} daddr {address}"


def _refuse(sinkhole: Sinkhole) -> Iterator[str]:
    yield "tcp dport 853 counter reject with tcp reset"
    yield "udp dport 853 counter reject with icmpx port-unreachable"
    yield from (
        f"{destination} counter reject with icmpx port-unreachable" for destination in _match_sinkhole(sinkhole)
    )
    for version, family in ((4, "ip"), (6, "ip6")):
        yield f"{family} daddr @listed_ipv{version} udp dport 443 counter reject with icmpx port-unreachable"
        yield f"{family} daddr @listed_ipv{version} counter reject with icmpx admin-prohibited"


def _tell_losses(gateway: Gateway, sinkhole: Sinkhole) -> Iterator[str]:
    if not gateway.resolver_port:
        yield "capture of port 53: listen.dns has loopback addresses only, to which nothing can be led"
    if not gateway.proxy_port:
        yield "the proxy: proxy.listen has no transparent mode that clients reach; connections are refused instead"
    if not gateway.sinkhole_port:
        yield "the sinkhole: proxy.listen has neither a reverse nor a transparent mode that clients reach"
    if gateway.unknown:
        yield f"upstream {', '.join(gateway.unknown)}: if it is one of the clients, its own queries are captured too"
    local = [str(address) for address in (sinkhole.ipv4, sinkhole.ipv6) if not _is_foreign(str(address))]
    if local:
        yield f"sinkhole {', '.join(local)}: to each device its own; choose addresses that are routed here"
