"""The addresses of an upstream that is named, asked of a plain one."""

import asyncio

import pytest

from dnsfilter.upstream.bootstrap import find_addresses
from dnsfilter.values import Endpoint
from tests.fakes.resolving import ADDRESS, make_response
from tests.fakes.upstream import FakeUpstream, Reaction, answer, change_id, fail, mumble
from tests.processes import free_port


def find(host: str, *ports: int) -> list[str]:
    return asyncio.run(find_addresses(host, [Endpoint("127.0.0.1", port) for port in ports]))


@pytest.mark.parametrize("host", ["192.0.2.5", "2001:db8::5"])
def test_an_address_is_its_own(host: str) -> None:
    """Nobody is asked for what is an address already."""
    assert find(host) == [host]


def test_a_name_is_asked_for_both_kinds_of_addresses() -> None:
    """A and AAAA are asked for, over TCP, with nothing but the question."""

    def know_a(query: bytes) -> list[bytes]:
        return answer(query) if query[:-11].endswith(b"\0\0\1\0\1") else fail(query)

    with FakeUpstream(tcp=know_a) as plain:
        assert find("dns.example", plain.port) == [ADDRESS]
        assert {query[12:-11] for query in plain.tcp_queries} == {
            b"\3dns\7example\0\0\1\0\1",
            b"\3dns\7example\0\0\x1c\0\1",
        }


@pytest.mark.parametrize("reaction", [fail, mumble, change_id, lambda query: [make_response(query, rcode=3)]])
def test_the_next_one_is_asked(reaction: Reaction) -> None:
    """One that is not there, or does not know, is followed by the next; where nobody knows there is no address."""
    with FakeUpstream(tcp=reaction) as useless, FakeUpstream() as good:
        assert set(find("dns.example", free_port(), useless.port, good.port)) == {ADDRESS}
        assert find("dns.example", useless.port) == []
