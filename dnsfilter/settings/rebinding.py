"""The section about private addresses in answers for public names."""

from ipaddress import ip_network

from dnsfilter.settings.section import Section
from dnsfilter.values import DomainName, Network

PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
"""This network, private use, shared address space, loopback and link-local (RFC 6890, RFC 4193)."""


class Rebinding(Section):
    """Whether answers that lead public names to addresses of `networks` are withheld (DNS rebinding).

    Names at and below `allow`, and those that an upstream with `domains` answers, may lead there. IPv6 addresses that
    hold an IPv4 address count as that address too.
    """

    protect: bool = False
    allow: tuple[DomainName, ...] = ()
    networks: tuple[Network, ...] = tuple(map(ip_network, PRIVATE))
