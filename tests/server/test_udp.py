"""The UDP server on real sockets: the memo says what the long way says, and everybody gets what is theirs."""

import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from time import monotonic, time

import pytest

from dnsfilter.datagrams import BATCH_SIZE
from dnsfilter.server.udp import DENSE
from tests.fakes.datagrams import LISTED, House, is_quiet
from tests.fakes.resolving import adopt_world, identifier_of, make_query, rcode_of


@pytest.mark.parametrize("edns", [True, False])
@pytest.mark.parametrize("qtype", [1, 28, 65, 16])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_memo_answers_as_the_long_way_does(
    make_house: Callable[..., House], family: socket.AddressFamily, qtype: int, *, edns: bool
) -> None:
    """The second answer to the same question, from the memo, is the first one but for the ID."""
    house = make_house(family)
    client = house.client()
    first = house.ask(client, make_query(LISTED, qtype, 1, edns=edns))
    assert house.server.hits == 0
    second = house.ask(client, make_query(LISTED, qtype, 2, edns=edns))
    assert house.server.hits == 1
    assert [identifier_of(first), identifier_of(second)] == [1, 2]
    assert first[2:] == second[2:]


def test_memo_answers_what_was_resolved(make_house: Callable[..., House]) -> None:
    """Upstream, cache and memo give the same answer; the upstream is asked once."""
    house = make_house()
    client = house.client()
    client.send(make_query(identifier=1))
    house.serve()
    assert len(house.pending) == house.flushes == 1
    house.resolve()
    answers = [client.recv(4096), *(house.ask(client, make_query(identifier=number)) for number in (2, 3, 4))]
    assert [identifier_of(answer) for answer in answers] == [1, 2, 3, 4]
    assert len({answer[2:] for answer in answers}) == 1
    assert house.server.hits == 2
    assert not house.pending


def test_the_memo_ends_with_the_policy(make_house: Callable[..., House]) -> None:
    """What was blocked under one policy is not answered from the memo under the next."""
    house = make_house()
    client = house.client()
    for _ in range(2):
        house.ask(client, make_query(LISTED))
    adopt_world(house.resolver, allow=[{"name": LISTED, "reason": "test"}])
    client.send(make_query(LISTED))
    house.serve()
    assert [pending.query.name for pending in house.pending] == [LISTED]


def test_batches_with_gaps(make_house: Callable[..., House]) -> None:
    """In one batch some are answered, some wait and some are ignored; later ones get theirs with the right ID."""
    house = make_house()
    clients = [house.client() for _ in range(90)]
    for index, client in enumerate(clients):
        client.send([make_query(LISTED, 1, index), make_query(f"n{index}.example", 1, index), b"\0\1\x80"][index % 3])
    house.serve()
    for index, client in enumerate(clients):
        if index % 3 == 0:
            assert identifier_of(client.recv(4096)) == index
        assert is_quiet(client)
    assert len(house.pending) == 30
    house.resolve()
    for index, client in enumerate(clients):
        if index % 3 == 1:
            response = client.recv(4096)
            assert identifier_of(response) == index
            assert f"n{index}".encode() in response
        assert is_quiet(client)


def test_answers_from_an_upstream_over_ipv6(make_house: Callable[..., House]) -> None:
    """A response that comes later finds its way back to an IPv6 client."""
    house = make_house(socket.AF_INET6)
    clients = [house.client() for _ in range(3)]
    for index, client in enumerate(clients):
        client.send(make_query(f"n{index}.example", 1, index))
    house.serve()
    house.resolve()
    assert [identifier_of(client.recv(4096)) for client in clients] == [0, 1, 2]


def test_sightings_per_client(make_house: Callable[..., House]) -> None:
    """Hits of the memo and the long way together count for the address that asked, by client, and only listed names."""
    house = make_house()
    expected = {"127.0.0.1": 5, "127.0.0.2": 3, "127.0.0.9": 1}
    for address, count in expected.items():
        client = house.client(address)
        for _ in range(count):
            house.ask(client, make_query(LISTED))
            client.send(make_query("unlisted.example"))
            house.serve()
    for _ in range(2):
        house.resolver.flush(0.00001, time())
        seen: Counter[str] = Counter()
        for sighting in house.resolver.tally.journal.drain().sightings:
            seen[sighting.client] += sighting.count
        assert seen == expected
        expected = {}
    groups = {key[-1]: value for key, value in house.resolver.tally.journal.counters.items() if key[0] == "sightings"}
    assert groups == {"managed": 3, "plain": 6}


def test_clients_that_are_not_served(make_house: Callable[..., House]) -> None:
    """Who is not allowed is refused every time, is not sighted, and others are served."""
    house = make_house(allow_clients=["127.0.0.2/32"])
    stranger, friend = house.client(), house.client("127.0.0.2")
    for _ in range(3):
        for name in (LISTED, "www.example"):
            assert rcode_of(house.ask(stranger, make_query(name))) == 5
    assert rcode_of(house.ask(friend, make_query(LISTED))) == 0
    assert not house.pending
    house.resolver.flush(0.0, time())
    assert {sighting.client for sighting in house.resolver.tally.journal.drain().sightings} == {"127.0.0.2"}


@pytest.mark.parametrize("make_house", [float("inf")], indirect=True)
def test_where_much_comes_a_little_more_gathers(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a batch of many the next is waited for a moment; after few, or as many as fit, nobody waits."""
    pauses: list[float] = []
    monkeypatch.setattr("dnsfilter.server.udp.sleep", pauses.append)
    house = make_house()
    client = house.client()
    for number, expected in ((1, 0), (DENSE - 1, 0), (DENSE, 0), (1, 1), (1, 1), (BATCH_SIZE, 1), (1, 1)):
        for _ in range(number):
            client.send(make_query(LISTED))
        house.serve()
        assert len(pauses) == expected


@pytest.mark.parametrize("make_house", [0.0002], indirect=True)
def test_all_that_waits_is_answered_whenever_it_is_looked_at(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Much that waits is answered by one readable event, also after a silence or where other work took the time."""
    now = monotonic()
    monkeypatch.setattr("dnsfilter.server.udp.monotonic", lambda: now)
    house = make_house()
    client = house.client()
    for step in (1.0, 0.0001, 0.0003):
        now += step
        for _ in range(10):
            client.send(make_query(LISTED))
        house.server.on_readable()
        assert sum(1 for _ in iter(lambda: is_quiet(client), True)) == 10


def test_rate_limit(make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may ask as many at once as the burst says, then as many a second as the rate; another is not touched."""
    now = monotonic()
    monkeypatch.setattr("dnsfilter.server.udp.monotonic", lambda: now)
    house = make_house(rate_limit={"per_client_qps": 2, "burst": 5})
    busy, calm = house.client(), house.client("127.0.0.3")
    assert kinds(house, busy, 9) == "AAAAA-T-T"
    assert kinds(house, calm, 1) == "A"
    now += 1.0
    assert kinds(house, busy, 4) == "AA-T"
    now += 100.0
    assert kinds(house, busy, 7) == "AAAAA-T"


def test_rate_limit_of_a_prefix(make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    """Many clients of one prefix share its rate, a chunk at a time; another prefix does not notice."""
    now = monotonic()
    monkeypatch.setattr("dnsfilter.server.udp.monotonic", lambda: now)
    house = make_house(rate_limit={"per_client_qps": 1000, "per_prefix_qps": 100, "burst": 1000})
    assert kinds(house, house.client("127.0.1.1"), 130).count("A") == 130  # which takes three chunks of 64
    assert kinds(house, house.client("127.0.1.2"), 30).count("A") == 8
    assert kinds(house, house.client("127.0.2.1"), 130).count("A") == 130


def test_a_forged_address_gets_less_than_was_sent(make_house: Callable[..., House]) -> None:
    """Over the limit what goes out is, octet for octet, less than what came in: no use for reflection."""
    house = make_house(rate_limit={"per_client_qps": 1, "burst": 1})
    client = house.client()
    query = make_query(LISTED)
    house.ask(client, query)
    client.setblocking(False)
    received = 0
    for _ in range(100):
        client.send(query)
        house.serve()
        with contextlib.suppress(BlockingIOError):
            received += len(client.recv(4096))
    assert 0 < received <= 0.5 * 100 * len(query)


def kinds(house: House, client: socket.socket, count: int) -> str:
    """Ask so often; return for each query whether it got an answer, was told to use TCP, or got nothing."""
    client.setblocking(False)
    found = ""
    for _ in range(count):
        client.send(make_query(LISTED))
        house.serve()
        try:
            response = client.recv(4096)
        except BlockingIOError:
            found += "-"
        else:
            found += "T" if response[2] & 2 else "A"
            assert rcode_of(response) == 0
            assert identifier_of(response) == identifier_of(make_query(LISTED))
    return found


def test_take_hits_counts_once(make_house: Callable[..., House]) -> None:
    """Hits are handed over once, with the time they took."""
    house = make_house()
    client = house.client()
    for _ in range(4):
        house.ask(client, make_query(LISTED))
    hits, seconds = house.server.take_hits()
    assert hits == 3
    assert 0 < seconds < 1
    assert house.server.take_hits() == (0, 0.0)


def test_take_lost_counts_once(make_house: Callable[..., House]) -> None:
    """Responses that the kernel does not take are handed over once; the others arrive."""
    house = make_house()
    client = house.client()
    client.send(make_query())
    house.serve()
    nobody = bytearray(house.pending[0].token)
    nobody[2:4] = b"\0\0"  # no datagram can go to port 0
    house.pending[0].send(bytes(nobody), b"lost")
    house.resolve()
    assert identifier_of(client.recv(4096)) == 0x1234
    assert (house.server.take_lost(), house.server.take_lost()) == (1, 0)


@pytest.mark.parametrize("make_house", [float("inf")], indirect=True)
def test_takes_turns(make_house: Callable[..., House]) -> None:
    """One readable event answers a bounded number of queries; the rest is answered by the next."""
    house = make_house()
    client = house.client()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    house.ask(client, make_query(LISTED))
    for number in range(1100):
        client.send(make_query(LISTED, 1, number))
    house.server.on_readable()
    assert house.server.hits == 16 * 64
    house.server.on_readable()
    assert house.server.hits == 1100
