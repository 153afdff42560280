"""The UDP server among load balancers, garbage, defects and full sockets: nobody else notices."""

import errno
import os
import socket
from collections.abc import Callable
from time import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsfilter.resolver import Pending
from dnsfilter.server.udp import UdpServer
from tests.fakes.datagrams import LISTED, House
from tests.fakes.descriptors import open_descriptors
from tests.fakes.proxying import make_header
from tests.fakes.resolving import identifier_of, make_query, rcode_of


@pytest.mark.parametrize("client", ["10.1.0.1", "127.0.0.1"])
def test_behind_a_load_balancer(make_house: Callable[..., House], client: str) -> None:
    """The client of the header is who asks, first and when the memo answers; its rate is its own."""
    house = make_house(listen={"proxy_protocol": ["127.0.0.0/8"]}, rate_limit={"per_client_qps": 1, "burst": 3})
    proxy, header = house.client(), make_header(client, transport=2)
    answers = [house.ask(proxy, header + make_query(LISTED, identifier=number)) for number in range(3)]
    assert [identifier_of(answer) for answer in answers] == [0, 1, 2]
    assert len({answer[2:] for answer in answers}) == 1
    proxy.send(header + make_query(LISTED))
    house.serve()
    assert house.ask(proxy, make_header("10.1.0.2", transport=2) + make_query(LISTED))[2] & 2 == 0
    house.resolver.flush(0.0, time())
    assert {sighting.client for sighting in house.resolver.tally.journal.drain().sightings} == {client, "10.1.0.2"}
    assert bytes((127, 0, 0, 1)) not in house.resolver.seats.by_address


def test_a_late_answer_behind_a_load_balancer(make_house: Callable[..., House]) -> None:
    """What an upstream answers goes back to the load balancer, without a header."""
    house = make_house(listen={"proxy_protocol": ["127.0.0.0/8"]})
    proxy = house.client()
    proxy.send(make_header("10.1.0.1", transport=2) + make_query("www.example", identifier=7))
    house.serve()
    assert house.pending[0].seat.text == "10.1.0.1"
    house.resolve()
    assert identifier_of(proxy.recv(4096)) == 7


@pytest.mark.parametrize(
    ("trusted", "datagram"),
    [
        (["127.0.0.0/8"], make_query(LISTED)),
        (["127.0.0.0/8"], make_header("10.1.0.1")[:20]),
        (["127.0.0.0/8"], make_header("10.1.0.1")),
        ([], make_header("10.1.0.1") + make_query(LISTED)),
        (["192.0.2.0/24"], make_header("10.1.0.1") + make_query(LISTED)),
    ],
)
def test_datagrams_that_are_refused(make_house: Callable[..., House], trusted: list[str], datagram: bytes) -> None:
    """A load balancer's without a right header, and a header of anybody else, get no answer."""
    house = make_house(listen={"proxy_protocol": trusted})
    client = house.client()
    client.setblocking(False)
    client.send(datagram)
    house.serve()
    with pytest.raises(BlockingIOError):
        client.recv(4096)
    assert not house.pending


def test_no_descriptor_is_used_up(make_house: Callable[..., House]) -> None:
    """Ten thousand queries of all kinds leave as many open files as before."""
    house = make_house()
    client = house.client()
    before = open_descriptors()
    for number in range(2_500):
        for message in (make_query(LISTED), make_query("www.example"), make_query(LISTED)[:20], os.urandom(40)):
            client.send(message)
        house.serve()
        if number % 100 == 0:
            house.resolve()
    assert not open_descriptors() - before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=700), min_size=1, max_size=5))
def test_garbage_harms_nobody(make_house: Callable[..., House], garbage: list[bytes]) -> None:
    """Whatever arrives, nothing is raised, and the next query is answered."""
    house = make_house()
    client, asking = house.client(), house.client("127.0.0.2")
    for message in garbage:
        client.send(message)
    house.serve()
    assert rcode_of(house.ask(asking, make_query(LISTED))) == 0
    house.close()


def test_a_defect_costs_one_query(make_house: Callable[..., House], caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong with one query of a batch fails that one, is logged without names, and the others get theirs."""
    house = make_house()

    def submit(pending: Pending, _now: float) -> None:
        if pending.query.name == "n2.example":
            raise RuntimeError("a defect")
        house.pending.append(pending)

    house.server = UdpServer(house.socket, house.resolver, submit, house.count_flush)
    clients = [house.client() for _ in range(5)]
    for number, client in enumerate(clients):
        client.send(make_query(f"n{number}.example"))
    house.serve()
    house.resolve()
    assert [rcode_of(client.recv(4096)) for client in clients] == [0, 0, 2, 0, 0]
    (line,) = caplog.messages
    assert line.startswith("unexpected while answering: RuntimeError at test_udp_hostile.py:")
    assert "a defect" not in line


class FullSocket(socket.socket):
    """A socket whose buffer is full now and then."""

    is_full = True

    def sendto(self, *arguments: Any) -> int:
        """Refuse every other datagram, as the kernel does."""
        self.is_full = not self.is_full
        if self.is_full:
            return super().sendto(*arguments)
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize("make_house", [-1], indirect=True)
def test_a_lone_response_that_is_not_taken_is_counted(make_house: Callable[..., House]) -> None:
    """Where the kernel refuses a response it is counted as lost, and the next one leaves."""
    house = make_house()
    client = house.client()
    with FullSocket(fileno=os.dup(house.socket.fileno())) as full:
        house.server = UdpServer(full, house.resolver, lambda _pending, _now: None, house.count_flush)
        client.send(make_query(LISTED))
        house.serve()
        assert house.server.take_lost() == 1
        assert rcode_of(house.ask(client, make_query(LISTED))) == 0
        assert house.server.take_lost() == 0
