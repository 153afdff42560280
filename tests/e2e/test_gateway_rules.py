"""The rules of a gateway, each by traffic between real networks: what is led away, refused, and left alone."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.gateway import (
    DEVICE,
    DOH,
    LISTED,
    LISTED_NAME,
    SINKHOLES,
    UNLISTED,
    UNLISTED_NAME,
    UPSTREAM,
    Filter,
    House,
    build_house,
    resolve,
)
from tests.e2e.proxy import issuer
from tests.fakes.origin import ISSUER
from tests.processes import Processes, wait_until

BOTH = pytest.mark.parametrize("version", [4, 6])


@pytest.fixture(scope="module")
def house(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with build_house(module_processes, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def enforcing(house: House) -> Filter:
    return Filter(house, {"enforce": "2023-03-15"})


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_port_53_is_captured(house: House, enforcing: Filter, version: int, transport: str) -> None:
    """Whatever resolver a device was told to ask, ours answers; an upstream of ours asks whom it likes."""
    server, qtype = DOH[version], "A" if version == 4 else "AAAA"
    captured = enforcing.counter("dport 53 ")
    for name, answer in ((LISTED_NAME, SINKHOLES[version]), (UNLISTED_NAME, UNLISTED[version])):
        assert dig(house, f"@{server}", name, qtype, transport).stdout.split() == [answer]
    assert enforcing.counter("dport 53 ") == captured + 2
    assert house.count(port=53, peer=DEVICE[version]) == 0


@pytest.mark.slow
def test_upstreams_are_not_captured(house: House, enforcing: Filter) -> None:
    """The resolver that ours asks may itself ask whom it likes."""
    assert enforcing.running.is_alive
    dig(house, f"@{DOH[4]}", "-b", UPSTREAM, UNLISTED_NAME)
    assert house.count("udp", 53, DOH[4], UPSTREAM) == 1


@pytest.mark.slow
@BOTH
def test_encrypted_dns_is_refused(house: House, enforcing: Filter, version: int) -> None:
    """Port 853 is refused at once, wherever it leads; a known address of DNS over HTTPS is refused by the proxy."""
    for address in (DOH[version], UNLISTED[version]):
        assert "Connection refused" in connect(house, address, 853)
        assert "connection refused" in dig(house, f"@{address}", "-p", "853", UNLISTED_NAME).stdout
    before = sighted(enforcing, "encrypted-dns")
    fetched = house.curl("office", f"https://{UNLISTED_NAME}/", *resolve(UNLISTED_NAME, DOH[version]))
    assert fetched.status == 0
    wait_until(lambda: sighted(enforcing, "encrypted-dns") == before + 1, "a sighting of the address")
    assert house.count(port=853) + house.count(address=DOH[version], port=443) == 0


@pytest.mark.slow
@BOTH
def test_listed_networks(house: House, enforcing: Filter, version: int) -> None:
    """QUIC and every port but the web's are refused, what has no listed name is refused by its address."""
    address = LISTED[version]
    assert "connection refused" in dig(house, f"@{address}", "-p", "443", UNLISTED_NAME).stdout
    assert "connected" not in connect(house, address, 22)
    before = sighted(enforcing, "tiktok")
    assert house.curl("office", f"https://{UNLISTED_NAME}/", *resolve(UNLISTED_NAME, address)).status == 0
    assert house.curl("office", f"http://[{address}]/" if version == 6 else f"http://{address}/").status == 451
    wait_until(lambda: sighted(enforcing, "tiktok") == before + 2, "a sighting of each")
    assert house.count(address=address) == 0


@pytest.mark.slow
@BOTH
def test_all_else_is_untouched(house: House, enforcing: Filter, version: int) -> None:
    """What is not listed is forwarded as if nobody were here: the server sees the device's own address."""
    address, peer = UNLISTED[version], DEVICE[version]
    assert house.curl("office", f"https://{UNLISTED_NAME}/", *resolve(UNLISTED_NAME, address)).status == 200
    assert "connected" in connect(house, address, 22)
    dig(house, f"@{address}", "-p", "443", UNLISTED_NAME)
    dig(house, f"@{address}", "-p", "4500", UNLISTED_NAME)
    for protocol, port in (("tcp", 443), ("tcp", 22), ("udp", 443), ("udp", 4500)):
        assert house.count(protocol, port, address, peer) == 1, (protocol, port)
    assert enforcing.metric("dnsfilter_proxy_connections_total", decision="pass") == 0


@pytest.mark.slow
@BOTH
def test_the_sinkhole_refuses_quic(house: House, enforcing: Filter, version: int) -> None:
    """Who was led away is told at once that there is no QUIC, and comes back over TCP, where it is identified."""
    assert "connection refused" in dig(house, f"@{SINKHOLES[version]}", "-p", "443", UNLISTED_NAME).stdout
    before = sighted(enforcing, "tiktok")
    assert house.curl("office", f"https://{LISTED_NAME}/", *resolve(LISTED_NAME, SINKHOLES[version])).status == 0
    assert house.curl("office", f"http://{LISTED_NAME}/").status == 451
    wait_until(lambda: sighted(enforcing, "tiktok") >= before + 2, "a sighting of each")


@pytest.mark.slow
def test_all_of_the_web(house: House, enforcing: Filter) -> None:
    """Led to the proxy as a whole, a listed name is refused wherever its address says it is, and the rest passes."""
    enforcing.load_rules("all")
    reached = house.count("tcp", 443, UNLISTED[4])
    assert house.curl("office", f"https://{LISTED_NAME}/", *resolve(LISTED_NAME, UNLISTED[4])).status == 0
    assert house.count("tcp", 443, UNLISTED[4]) == reached
    fetched = house.curl("office", f"https://{UNLISTED_NAME}/", *resolve(UNLISTED_NAME, UNLISTED[4]))
    assert ISSUER in issuer(fetched)
    assert house.count("tcp", 443, UNLISTED[4], "203.0.113.1") == 1
    enforcing.load_rules("listed")


def dig(house: House, *query: str) -> subprocess.CompletedProcess[str]:
    """Ask once from the office, and wait two seconds at most."""
    return house.run("office", "dig", "+short", "+tries=1", "+time=2", *query)


def connect(house: House, address: str, port: int) -> str:
    """Open a TCP connection from the office; return what the shell says of it."""
    command = f"exec 3<>/dev/tcp/{address}/{port} && echo connected"
    done = house.run("office", "timeout", "3", "bash", "-c", command)
    return done.stdout + done.stderr


def sighted(gateway: Filter, app: str) -> float:
    """Return how many attempts at an app's names and networks the proxy has refused."""
    return gateway.metric("dnsfilter_sightings_total", app=app, action="refuse")
