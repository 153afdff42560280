"""Asking one upstream over UDP: ports and IDs that nobody guesses, and only the right answer taken."""

import errno
import multiprocessing
import select
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from time import monotonic

import pytest

from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.upstream import udp
from dnsfilter.upstream.transport import Asked
from dnsfilter.upstream.udp import LATE, PORTS, UdpUpstream, is_response
from dnsfilter.values import Endpoint
from tests.fakes.asking import Question
from tests.fakes.descriptors import open_descriptors
from tests.fakes.resolving import make_query, make_response
from tests.processes import free_port


def question(name: str = "www.example", *, is_scrambled: bool = True) -> Question:
    asked = Question(name)
    asked.is_scrambled = is_scrambled
    return asked


class House:
    """A server socket, an upstream that asks it, and what that hands on."""

    def __init__(self, host: str) -> None:
        self.server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.server.bind((host, 0))
        self.server.settimeout(2)
        self.watched: dict[socket.socket, Callable[[], None]] = {}
        self.taken: list[tuple[Asked, bytes]] = []
        self.suspected: list[Asked] = []
        self.batches = 0
        self.upstream = UdpUpstream(
            Endpoint(host, self.server.getsockname()[1]),
            lambda asked, message, _now: self.taken.append((asked, message)),
            lambda asked, _now: self.suspected.extend(asked),
            self._end_batch,
            self.watched.__setitem__,
            self.watched.pop,
        )

    def _end_batch(self) -> None:
        self.batches += 1

    def ask(self, asked: Asked) -> tuple[bytes, tuple[str, int]]:
        """Send one query in a batch of its own; return it as the server sees it, and where it came from."""
        self.upstream.send(asked)
        self.upstream.flush()
        return self.server.recvfrom(4096)

    def pump(self, seconds: float = 0.0) -> None:
        """Call back for every socket that is readable."""
        for sock in select.select(list(self.watched), [], [], seconds)[0]:
            self.watched[sock]()


@pytest.fixture(params=["127.0.0.1", "::1"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(request.param)
    yield made
    made.upstream.close()
    made.server.close()


def test_hands_on_what_matches(house: House) -> None:
    """The response comes back together with what was asked, once."""
    asked = question()
    query, peer = house.ask(asked)
    assert query[2:].startswith(b"\1\x20\0\1\0\0\0\0\0\1" + asked.question)
    for _ in range(2):
        house.server.sendto(make_response(query), peer)
    house.pump(2)
    assert house.taken == [(asked, make_response(query))]
    assert house.batches == 1


def test_only_the_right_answer(house: House) -> None:
    """Wrong ID, another question, a query, an empty or short datagram: counted, and below the threshold waited on."""
    house.upstream.adopt(Forwarding(spoof_threshold=8))
    query, peer = house.ask(question())
    right = make_response(query)
    wrong = [
        bytes([right[0] ^ 1]) + right[1:],
        right.replace(b"\7example", b"\7exbmple"),
        right.replace(b"\0\0\1\0\1", b"\0\0\x1c\0\1", 1),
        query,
        right[:20],
        right[:2],
        b"",
    ]
    for message in wrong:
        house.server.sendto(message, peer)
    house.pump(2)
    assert house.taken == []
    assert house.upstream.mismatches == len(wrong)
    house.server.sendto(right, peer)
    house.pump(2)
    assert [message for _, message in house.taken] == [right]


def test_past_the_threshold_nothing_is_taken(house: House) -> None:
    """One wrong answer, and what waited on its socket is handed on; even the right answer comes too late there."""
    asked = question()
    query, peer = house.ask(asked)
    right = make_response(query)
    house.server.sendto(bytes([right[0] ^ 1]) + right[1:], peer)
    house.server.sendto(right, peer)
    house.pump(2)
    assert house.taken == []
    assert house.suspected == [asked]
    assert house.upstream.mismatches == 2
    assert not house.watched
    query, other = house.ask(question())
    house.server.sendto(make_response(query), other)
    house.pump(2)
    assert other != peer
    assert len(house.taken) == 1


@pytest.mark.parametrize(("is_scrambled", "taken", "suspected"), [(True, 0, 1), (False, 1, 0)])
def test_letters_count_where_they_are_random(house: House, *, is_scrambled: bool, taken: int, suspected: int) -> None:
    """Another case than was chosen is in doubt, the socket goes on; where none was chosen names have no case."""
    query, peer = house.ask(question(is_scrambled=is_scrambled))
    house.server.sendto(make_response(query).replace(b"\7example", b"\7EXAMPLE"), peer)
    house.pump(2)
    assert (len(house.taken), len(house.suspected)) == (taken, suspected)
    assert len(house.watched) == 1


def test_nobody_else_is_heard(house: House) -> None:
    """The right answer from another port or address is not received at all."""
    query, peer = house.ask(question())
    with socket.socket(house.server.family, socket.SOCK_DGRAM) as stranger:
        stranger.bind((peer[0], 0))
        stranger.sendto(make_response(query), peer)
    house.pump(0.05)
    assert house.taken == []
    assert house.upstream.mismatches == 0


def test_an_answer_over_another_port(house: House) -> None:
    """The ID of one socket is worth nothing on another."""
    asked = {house.ask(question(f"n{number}.example"))[1]: number for number in range(40)}
    assert len(asked) > 1
    query, right_peer = house.ask(question())
    for peer in asked:
        if peer != right_peer:
            house.server.sendto(make_response(query), peer)
    house.pump(0.05)
    assert house.taken == []
    assert house.upstream.mismatches > 0


def test_ports_and_ids_are_random(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches leave from several ports in no fixed order; IDs are spread over their range and unique while in use."""
    monkeypatch.setattr(udp, "USES", 2000)
    seen = [house.ask(question()) for _ in range(2000)]
    ports = [peer[1] for _, peer in seen]
    identifiers = [int.from_bytes(query[:2], "big") for query, _ in seen]
    assert len(set(ports)) == PORTS
    assert len({(first, second) for first, second in pairwise(ports)}) > PORTS * PORTS * 0.9
    assert len(set(zip(ports, identifiers, strict=True))) == len(seen)
    assert sum(identifier < 32768 for identifier in identifiers) in range(800, 1201)
    assert len(set(identifiers)) > 1900
    steps = {(second - first) % 65536 for first, second in pairwise(identifiers)}
    assert len(steps) > 1900


def test_a_batch_leaves_in_one_go(house: House) -> None:
    """Nothing leaves before the flush, and a batch has one port and different IDs."""
    for _ in range(50):
        house.upstream.send(question())
    house.server.setblocking(False)
    with pytest.raises(BlockingIOError):
        house.server.recv(99)
    house.upstream.flush()
    house.server.settimeout(2)
    seen = [house.server.recvfrom(4096) for _ in range(50)]
    assert len({peer for _, peer in seen}) == 1
    assert len({query[:2] for query, _ in seen}) == 50


def test_ports_are_renewed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its uses a socket is replaced by one with another port; it still takes answers for a while."""
    monkeypatch.setattr(udp, "USES", 10)
    before = open_descriptors()
    asked = {}
    for number in range(400):
        query, peer = house.ask(question(f"n{number}.example"))
        asked.setdefault(peer, query)
    assert len(asked) > 2 * PORTS
    for peer, query in asked.items():
        house.server.sendto(make_response(query), peer)
    house.pump(2)
    assert len(house.taken) == len(asked)
    house.upstream.close_retired(monotonic())
    assert len(house.watched) > PORTS
    house.upstream.close_retired(monotonic() + LATE + 1)
    assert len(house.watched) == PORTS
    assert len(open_descriptors() - before) == PORTS
    house.upstream.close()
    assert not house.watched
    assert not open_descriptors() - before


def test_a_replaced_socket_that_waits_for_nothing_is_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all is answered that was asked over it, its descriptor is given back, however many are replaced."""
    monkeypatch.setattr(udp, "USES", 1)
    for number in range(400):
        query, peer = house.ask(question(f"n{number}.example"))
        house.server.sendto(make_response(query), peer)
        house.pump(0.005)
    while len(house.taken) < 400:
        house.pump(2)
    house.upstream.close_retired(monotonic())
    assert len(house.watched) == PORTS


@pytest.mark.interpreted
def test_without_descriptors_used_sockets_will_do(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other socket can be had queries leave from those there are; another reason is told as ever."""
    monkeypatch.setattr(udp, "USES", 1)
    _, first = house.ask(question("first.example"))
    reason = errno.EMFILE

    def refuse(*_: object) -> None:
        raise OSError(reason, "no more")

    with monkeypatch.context() as patched:
        patched.setattr(udp, "Port", refuse)
        assert {house.ask(question(f"n{number}.example"))[1] for number in range(20)} == {first}
        reason = errno.ENETUNREACH
        with pytest.raises(OSError, match="no more"):
            house.ask(question("last.example"))
    assert len({house.ask(question(f"m{number}.example"))[1] for number in range(20)}) > 1


def test_a_dead_upstream_costs_nothing_but_the_answer(house: House) -> None:
    """Where nobody listens sending goes on, and the upstream is heard again when it is back."""
    place = house.server.getsockname()
    house.server.close()
    for _ in range(40):
        house.upstream.send(question())
        house.upstream.flush()
        house.pump()
    house.server = socket.socket(house.server.family, socket.SOCK_DGRAM)
    house.server.bind(place)
    house.server.settimeout(2)
    house.pump()
    query, peer = house.ask(question())
    house.server.sendto(make_response(query), peer)
    house.pump(2)
    assert len(house.taken) == 1


def test_no_way_to_the_upstream() -> None:
    """An address that cannot be connected to is an OSError, and no socket stays open."""
    before = open_descriptors()
    nowhere = UdpUpstream(Endpoint("255.255.255.255", 53), print, print, print, print, print)
    with pytest.raises(OSError, match=r"."):
        nowhere.send(question())
    nowhere.flush()
    nowhere.close()
    assert not open_descriptors() - before


def test_is_response() -> None:
    """A response has its QR bit set and repeats the whole question, however short the message is."""
    query = make_query()
    right = make_response(query)
    assert is_response(right, query[12:-11])
    for size in range(12 + len(query[12:-11])):
        assert not is_response(right[:size], query[12:-11])


@pytest.mark.interpreted
def test_ids_are_uniform_and_ports_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100,000 IDs each octet's values have their share (chi-square); 500 sockets have nearly as many ports."""
    taken: list[bytes] = []
    upstream = UdpUpstream(Endpoint("127.0.0.1", free_port()), print, print, print, print, print)
    monkeypatch.setattr(upstream._outbox, "push", lambda _, datagram: taken.append(datagram[:2]))
    for number in range(100_000):
        if number % 1000 == 0:
            upstream._current = None
        upstream.send(question())
    upstream._current = None
    for octet in (0, 1):
        counts = Counter(identifier[octet] for identifier in taken)
        expected = len(taken) / 256
        chi_square = sum((counts[value] - expected) ** 2 / expected for value in range(256))
        assert 150 < chi_square < 400  # 255 degrees of freedom: outside once in a million runs
    identifiers = [int.from_bytes(identifier) for identifier in taken]
    assert sum(second - first == 1 for first, second in pairwise(identifiers)) < 20
    upstream.close()
    ports = set()
    for _ in range(500):
        upstream.send(question())
        ports.add(upstream._current.socket.getsockname()[1])
        upstream._current = None
        upstream.close()
    assert len(ports) > 450
    assert [*ports] != sorted(ports)


@pytest.mark.interpreted
def test_processes_that_share_a_past_share_no_future() -> None:
    """A fork sends other IDs than the process it came from: what is random comes from the kernel, after the fork."""
    upstream = UdpUpstream(Endpoint("127.0.0.1", free_port()), print, print, print, print, print)
    program = multiprocessing.get_context("fork")
    receiver, sender = program.Pipe(duplex=False)
    child = program.Process(target=lambda: sender.send_bytes(b"".join(_identifiers(upstream))))
    child.start()
    ours = b"".join(_identifiers(upstream))
    theirs = receiver.recv_bytes()
    child.join()
    assert len(ours) == len(theirs) == 200
    assert ours != theirs
    upstream.close()


def _identifiers(upstream: UdpUpstream) -> list[bytes]:
    taken: list[bytes] = []
    upstream._outbox.push = lambda _, datagram: taken.append(datagram[:2])  # type: ignore[method-assign] # to see it
    for _ in range(100):
        upstream.send(question())
    return taken


def test_an_icmp_error_ends_nothing(house: House) -> None:
    """What a router or host says of a port that is closed is no answer, nor does it change whether one is awaited."""
    query, peer = house.ask(question())
    with socket.socket(house.server.family, socket.SOCK_DGRAM) as other:
        other.bind((peer[0], 0))
        closed = other.getsockname()
    nowhere = UdpUpstream(
        Endpoint(peer[0], closed[1]), print, print, print, house.watched.__setitem__, house.watched.pop
    )
    nowhere.send(question())
    nowhere.flush()
    house.pump(0.2)
    assert nowhere.mismatches == 0
    assert len(nowhere._current.asked if nowhere._current else nowhere._ports[0].asked) == 1
    house.server.sendto(make_response(query), peer)
    house.pump(2)
    assert len(house.taken) == 1
    nowhere.close()
