"""An address that may be forged gets no more octets than were sent in its name, unless the query deserves an answer."""

import pytest

from dnsfilter.model import Transport
from dnsfilter.resolver import Resolver
from tests.fakes.messages import ask, edns
from tests.fakes.monsters import QUERIES
from tests.fakes.resolving import make_resolver

NOW = 1000.0
STRANGER, CLIENT = b"\xcb\0\x71\1", b"\x7f\0\0\1"
MESSAGES = {
    "plain": ask("www.example"),
    "EDNS": ask("www.example", opt=edns(4096, do=True)),
    "listed": ask("www.tiktok.com", opt=edns(4096)),
    "ANY": ask("www.example", "ANY", opt=edns(4096)),
    "CHAOS": ask("version.bind", "TXT", qclass=3, opt=edns(4096)),
    "version": ask("www.example", opt=edns(version=1)),
    "cookie": ask("www.example", opt=edns(options=[(10, bytes(8))])),
    "header": ask("www.example")[:12],
    "opcode": ask("www.example", flags=0x2900),
    **{name: message for name, message in QUERIES.items() if len(message) < 1232},
}


@pytest.fixture
def resolver() -> Resolver:
    return make_resolver(rate_limit={"per_client_qps": 1, "burst": 1})


def octets(resolver: Resolver, message: bytes, address: bytes) -> int:
    """Return how many octets come back for a message over UDP."""
    seat = resolver.seats.take(address, NOW)
    seat.tokens -= 1
    response = resolver.receive(message, seat, Transport.UDP, NOW)
    assert response is None or isinstance(response, bytes)
    return len(response or b"")


@pytest.mark.parametrize("name", MESSAGES)
def test_a_stranger_gets_no_more_than_came(resolver: Resolver, name: str) -> None:
    """Whoever is not served is refused with at most the octets that were sent, whatever was asked."""
    assert octets(resolver, MESSAGES[name], STRANGER) <= len(MESSAGES[name])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_client_over_its_rate_gets_no_more_than_came(resolver: Resolver, name: str) -> None:
    """Beyond its rate a client, or who forges its address, gets at most what was sent."""
    for _ in range(20):
        octets(resolver, ask("www.tiktok.com"), CLIENT)
    assert octets(resolver, MESSAGES[name], CLIENT) <= len(MESSAGES[name])
