"""Batches of datagrams on real sockets: every reply to its peer, whatever is left out, lost or too long."""

import socket
import struct
from collections.abc import Iterator, Sequence

import pytest

from dnsfilter.datagrams import BATCH_SIZE, SLOT_SIZE, Inbox, Outbox

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

    def write(self, lengths: Sequence[int]) -> None:
        """Write a reply into every slot, of a length that depends on the query."""
        memory = self.inbox.memory
        for index, start in enumerate(self.inbox.starts[: len(lengths)]):
            reply = b"reply" * (1 + memory[start] % 7)
            memory[start + 2 : start + 2 + len(reply)] = reply
            self.inbox.reply_lengths[index] = 2 + len(reply)

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
    house.write(lengths)
    assert house.inbox.reply(len(lengths)) == 0
    for index in range(20):
        house.check_reply(index)


@pytest.mark.parametrize("answered", [[0], [19], [0, 19], [1, 2, 5, 17], list(range(1, 20)), list(range(0, 20, 2))])
def test_gaps_shift_nothing(house: House, answered: list[int]) -> None:
    """Where some queries of a batch get no reply, the others get theirs and nobody gets another's."""
    house.ask()
    house.write(house.inbox.receive())
    assert house.inbox.reply_to(answered) == 0
    for index in range(20):
        if index in answered:
            house.check_reply(index)
        assert house.is_quiet(index)


def test_full_batches_follow_batches_with_gaps(house: House) -> None:
    """What was left out of one batch leaves no trace in the next."""
    for answered in ([3, 4], None, [0], None):
        house.ask()
        lengths = house.inbox.receive()
        house.write(lengths)
        if answered is None:
            house.inbox.reply(len(lengths))
        else:
            house.inbox.reply_to(answered)
        for index in range(20) if answered is None else answered:
            house.check_reply(index)


def test_more_than_a_batch(house: House) -> None:
    """What exceeds a batch comes with the next ones, and then there is nothing."""
    house.ask(queries=8)
    sizes = []
    while lengths := house.inbox.receive():
        sizes.append(len(lengths))
        house.write(lengths)
        house.inbox.reply(len(lengths))
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


def test_a_full_socket_costs_datagrams_not_time() -> None:
    """What the kernel has no room for is counted as lost at once, and what it took arrives."""
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
