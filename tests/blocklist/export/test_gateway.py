"""A gateway's rules as text; what the kernel makes of them is proven in tests/e2e/test_gateway_rules.py."""

from ipaddress import ip_network
from typing import Any

import pytest

from dnsfilter.blocklist.export.coverage import Networks
from dnsfilter.blocklist.export.gateway import Redirect, find_gateway, write_gateway
from dnsfilter.config import Configuration
from dnsfilter.model import Match
from dnsfilter.settings.resolver import Sinkhole
from tests.fakes.coverage import SINKHOLE, cover, rule

WATCHED = Networks([ip_network("198.51.100.0/24")], [ip_network("2001:db8:1::/48")])
SETTINGS = {
    "listen": {"dns": ["127.0.0.1:5353", "0.0.0.0:5300"]},
    "allow_clients": ["10.0.0.0/8", "fd00::/8"],
    "upstreams": [{"servers": ["10.0.0.5", "tls://[fd00::5]", "127.0.0.1:5335", "https://dns.example/q"]}],
    "proxy": {"listen": ["transparent@8081", "reverse:https://192.0.2.1:443@0.0.0.0:8443"]},
}


def write(redirect: Redirect = Redirect.LISTED, sinkhole: Sinkhole = SINKHOLE, **more: Any) -> tuple[str, list[str]]:
    """Write the rules of a configuration."""
    gateway = find_gateway(Configuration.model_validate({**SETTINGS, **more}), redirect, WATCHED)
    lines, losses = write_gateway(gateway, cover(rule(Match.NETWORK, "198.51.100.0/25")), sinkhole)
    return "\n".join(lines), losses


def test_sets() -> None:
    """The rules know clients, upstreams that are elsewhere, what any policy lists, and what is blocked now."""
    text, losses = write()
    assert losses == []
    for name, network in (
        ("clients_ipv4", "10.0.0.0/8"),
        ("clients_ipv6", "fd00::/8"),
        ("resolvers_ipv4", "10.0.0.5/32"),
        ("resolvers_ipv6", "fd00::5/128"),
        ("watched_ipv4", "198.51.100.0/24"),
        ("watched_ipv6", "2001:db8:1::/48"),
        ("listed_ipv4", "198.51.100.0/25"),
    ):
        body = text.partition(f"set {name} {{")[2].partition("\n  }")[0]
        assert [line.strip(" ,") for line in body.splitlines() if line.endswith(",")] == [network]


@pytest.mark.parametrize(
    ("mode", "port"),
    [
        ("transparent", 8080),
        ("transparent@8081", 8081),
        ("transparent@[::]:8082", 8082),
        ("transparent@127.0.0.1:8083", 0),
        ("regular@8084", 0),
    ],
)
def test_where_the_proxy_listens(mode: str, port: int) -> None:
    """The port is that of the transparent mode, mitmproxy's own where it names none, none where only we reach it."""
    text, losses = write(proxy={"listen": [mode]})
    assert (f"ip daddr @watched_ipv4 tcp dport {{ 80, 443 }} counter redirect to :{port}" in text) == bool(port)
    assert (not losses) == bool(port)


def test_all_of_the_web() -> None:
    """On demand all TCP 80 and 443 goes to the proxy, except to the gateway itself."""
    rule = "fib daddr type != local tcp dport { 80, 443 } counter redirect to :8081"
    assert rule in write(Redirect.ALL)[0]
    assert rule not in write()[0]


def test_where_the_sinkhole_leads() -> None:
    """To the reverse mode, else to the transparent one."""
    assert "ip daddr 192.0.2.66 tcp dport { 80, 443 } counter redirect to :8443" in write()[0]
    alone = write(proxy={"listen": ["transparent@8081"]})[0]
    assert "ip6 daddr 2001:db8::66 tcp dport { 80, 443 } counter redirect to :8081" in alone


def test_what_is_missing_is_told() -> None:
    """Nothing is led to where nothing listens, and whoever generates the rules learns why."""
    nothing = {"listen": {"dns": ["127.0.0.1:5353"]}, "proxy": {"listen": []}, "upstreams": [{"servers": ["system"]}]}
    text, losses = write(sinkhole=Sinkhole(), **nothing)
    assert "redirect" not in text
    begins = [
        "capture of port 53: ",
        "the proxy: ",
        "the sinkhole: ",
        "upstream system: ",
        "sinkhole 127.0.0.1, ::1: ",
    ]
    assert len(losses) == len(begins)
    assert all(loss.startswith(begin) for loss, begin in zip(losses, begins, strict=True))


def test_networks_do_not_overlap() -> None:
    """What is said twice in the configuration is there once: nft refuses sets whose networks overlap."""
    text = write(allow_clients=["10.0.0.0/8", "10.20.0.0/16"], upstreams=[{"servers": ["10.0.0.5", "10.0.0.5:54"]}])[0]
    assert "10.20.0.0/16" not in text
    assert text.count("10.0.0.5/32") == 1
