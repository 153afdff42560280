"""Batches of datagrams on real sockets: every reply to its peer, whatever is left out, lost or too long."""

import socket
import struct
from collections.abc import Iterator, Sequence

import pytest

from dnsfilter import datagrams
from dnsfilter.datagrams import BATCH_SIZE, MAX_SEGMENT, SLOT_SIZE, TRAIN_PAUSE, Inbox, Outbox, pack_sockaddr

FAMILIES = [socket.AF_INET, socket.AF_INET6]
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def open_socket(family: socket.AddressFamily) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((LOOPBACK[family], 0))
    sock.settimeout(2)
    return sock


def sockaddr(peer: tuple[str, int]) -> bytes:
    """Return an IPv4 address as the kernel writes it."""
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", peer[1]) + socket.inet_aton(peer[0]) + bytes(8)


class House:
    """A server socket with its inbox, and clients that each know the one query they sent."""

    def __init__(self, family: socket.AddressFamily, clients: int) -> None:
        self.server = open_socket(family)
        self.inbox = Inbox(self.server.fileno(), family)
        self.clients = [open_socket(family) for _ in range(clients)]

    def ask(self, queries: int = 1) -> None:
        """Let every client send queries whose first two octets are unique."""
        for number in range(queries):
            for index, client in enumerate(self.clients):
                client.sendto(struct.pack("!BB", index, number) + b"query", self.server.getsockname())

    def write(self, lengths: Sequence[int]) -> list[int]:
        """Write a reply into every slot, of a length that depends on the query; return how long they are."""
        memory = self.inbox.memory
        sizes = []
        for start in self.inbox.starts[: len(lengths)]:
            reply = b"reply" * (1 + memory[start] % 7)
            memory[start + 2 : start + 2 + len(reply)] = reply
            sizes.append(2 + len(reply))
        return sizes

    def check_reply(self, index: int, number: int = 0) -> None:
        """Fail unless the client received the reply to its own query."""
        assert self.clients[index].recv(4096) == struct.pack("!BB", index, number) + b"reply" * (1 + index % 7)

    def is_quiet(self, index: int) -> bool:
        """Whether nothing waits for the client."""
        self.clients[index].setblocking(False)
        try:
            self.clients[index].recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Close all sockets."""
        for sock in (self.server, *self.clients):
            sock.close()


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(request.param, 20)
    yield made
    made.close()


def test_every_reply_reaches_its_peer(house: House) -> None:
    """Replies written in place go back to whoever asked, each with its own ID and length."""
    house.ask()
    lengths = house.inbox.receive()
    assert lengths == [7] * 20
    assert house.inbox.reply(house.write(lengths)) == 0
    for index in range(20):
        house.check_reply(index)


@pytest.mark.parametrize("answered", [[0], [19], [0, 19], [1, 2, 5, 17], list(range(1, 20)), list(range(0, 20, 2))])
def test_gaps_shift_nothing(house: House, answered: list[int]) -> None:
    """Where some queries of a batch get no reply, the others get theirs and nobody gets another's."""
    house.ask()
    sizes = house.write(house.inbox.receive())
    assert house.inbox.reply([size if index in answered else 0 for index, size in enumerate(sizes)]) == 0
    for index in range(20):
        if index in answered:
            house.check_reply(index)
        assert house.is_quiet(index)


def test_full_batches_follow_batches_with_gaps(house: House) -> None:
    """What was left out of one batch leaves no trace in the next."""
    for answered in ([3, 4], None, [0], None):
        house.ask()
        sizes = house.write(house.inbox.receive())
        wanted = answered or range(20)
        house.inbox.reply([size if index in wanted else 0 for index, size in enumerate(sizes)])
        for index in wanted:
            house.check_reply(index)


def test_more_than_a_batch(house: House) -> None:
    """What exceeds a batch comes with the next ones, and then there is nothing."""
    house.ask(queries=8)
    sizes = []
    while lengths := house.inbox.receive():
        sizes.append(len(lengths))
        house.inbox.reply(house.write(lengths))
    assert sizes == [BATCH_SIZE, BATCH_SIZE, 160 - 2 * BATCH_SIZE]
    for number in range(8):
        for index in range(20):
            house.check_reply(index, number)


def test_long_and_empty_datagrams(house: House) -> None:
    """A datagram longer than a slot is cut to it, an empty one has length 0, and neighbours are untouched."""
    client = house.clients[0]
    for datagram in (b"a" * (SLOT_SIZE + 500), b"", b"b" * SLOT_SIZE, b"c"):
        client.sendto(datagram, house.server.getsockname())
    assert house.inbox.receive() == [SLOT_SIZE, 0, SLOT_SIZE, 1]
    start = house.inbox.starts[3]
    assert house.inbox.memory[start : start + 1] == b"c"


def test_a_dead_socket_is_empty(house: House) -> None:
    """An error of the socket looks like nothing to read and raises nothing."""
    house.server.close()
    assert house.inbox.receive() == []


def test_a_peer_is_packed_as_the_kernel_does(house: House) -> None:
    """A peer that Python tells has the octets that the kernel writes beside a datagram in a batch."""
    for client in house.clients[:2]:
        client.sendto(b"query", house.server.getsockname())
    _, peer = house.server.recvfrom(100)
    house.clients[0].sendto(b"query", house.server.getsockname())
    assert house.inbox.receive() == [5, 5]
    assert pack_sockaddr(house.server.family, *peer) == house.inbox.read_peer(1)
    assert house.inbox.read_peer(0) != house.inbox.read_peer(1)


def test_outbox_sends_to_anybody() -> None:
    """Datagrams go to the peers they were pushed for; a full batch goes out by itself, the rest with the flush."""
    server, clients = open_socket(socket.AF_INET), [open_socket(socket.AF_INET) for _ in range(3)]
    outbox = Outbox(server.fileno(), socket.AF_INET)
    for number in range(BATCH_SIZE + 5):
        outbox.push(sockaddr(clients[number % 3].getsockname()), number.to_bytes(2, "big"))
    first = [number for number in range(BATCH_SIZE) if number % 3 == 0]
    assert [int.from_bytes(clients[0].recv(99), "big") for _ in first] == first
    outbox.flush()
    outbox.flush()
    for index in (1, 2):
        expected = [number for number in range(BATCH_SIZE + 5) if number % 3 == index]
        assert [int.from_bytes(clients[index].recv(99), "big") for _ in expected] == expected
    assert outbox.lost == 0
    for sock in (server, *clients):
        sock.close()


def test_one_that_cannot_be_sent_stops_no_other() -> None:
    """A datagram to an impossible peer is counted as lost; those behind it still go."""
    server, client = open_socket(socket.AF_INET), open_socket(socket.AF_INET)
    outbox = Outbox(server.fileno(), socket.AF_INET)
    for peer in (client.getsockname(), ("127.0.0.1", 0), client.getsockname()):
        outbox.push(sockaddr(peer), b"hello")
    outbox.flush()
    assert outbox.lost == 1
    assert [client.recv(99), client.recv(99)] == [b"hello", b"hello"]
    server.close()
    client.close()


def test_a_full_socket_costs_datagrams_not_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel has no room for is counted as lost at once, and what it took arrives."""
    monkeypatch.setattr(datagrams, "KNOWS_TRAINS", False)  # only UDP does
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    outbox = Outbox(near.fileno(), None)
    sent = 40 * BATCH_SIZE
    for _ in range(sent):
        outbox.push(b"", b"x" * 1000)
    outbox.flush()
    far.setblocking(False)
    arrived = 0
    while True:
        try:
            arrived += len(far.recv(2000)) == 1000
        except BlockingIOError:
            break
    assert outbox.lost > 0
    assert arrived + outbox.lost == sent
    near.close()
    far.close()


SO_NO_CHECK = 11
"""A socket option of Linux: without checksums the kernel refuses trains."""


@pytest.mark.parametrize("size", [12, 511, MAX_SEGMENT, MAX_SEGMENT + 1, SLOT_SIZE])
@pytest.mark.parametrize("no_check", [0, 1], ids=["trains", "trains refused"])
def test_trains_arrive_as_datagrams(size: int, no_check: int) -> None:
    """Datagrams of one length to one peer arrive one by one, whether the kernel takes them as a train or not."""
    server, client = open_socket(socket.AF_INET), open_socket(socket.AF_INET)
    server.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, no_check)
    outbox = Outbox(server.fileno(), socket.AF_INET)
    sent = [number.to_bytes(2, "big") + bytes(size - 2 + number % 2) for number in range(BATCH_SIZE - 1)]
    sent = [datagram[:SLOT_SIZE] for datagram in sent]
    for datagram in sent:
        outbox.push(sockaddr(client.getsockname()), datagram)
    outbox.flush()
    assert sorted(client.recv(4096) for _ in sent) == sent
    assert outbox.lost == 0
    server.close()
    client.close()


def test_a_train_refused_for_one_peer_costs_the_others_nothing() -> None:
    """Where a train cannot leave, its datagrams are lost singly, the other peers get theirs, and trains pause."""
    server, client = open_socket(socket.AF_INET), open_socket(socket.AF_INET)
    outbox = Outbox(server.fileno(), socket.AF_INET)
    for _ in range(8):
        outbox.push(sockaddr(("127.0.0.1", 0)), b"nobody")
        outbox.push(sockaddr(client.getsockname()), b"someone")
    outbox.flush()
    assert [client.recv(99) for _ in range(8)] == [b"someone"] * 8
    assert outbox.lost == 8
    assert outbox._sender._pause == TRAIN_PAUSE
    server.close()
    client.close()


def test_addresses_of_a_batch(house: House) -> None:
    """The addresses of peers come without their ports, in the order of the queries."""
    house.ask()
    count = len(house.inbox.receive())
    family = house.server.family
    assert house.inbox.read_addresses(count) == (socket.inet_pton(family, LOOPBACK[family]),) * 20
