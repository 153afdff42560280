"""Packets that are no proper queries: FORMERR, NOTIMP or silence, and the server goes on."""

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server

HEADER = struct.Struct("!6H")
QUESTION = b"\3www\7example\0\0\1\0\1"
QUERY = HEADER.pack(0x1234, 0x0100, 1, 0, 0, 0) + QUESTION
FORMERR, NOTIMP = 1, 4
SILENCE = None

CASES = {
    "empty": (b"", SILENCE),
    "one octet": (b"\x12", SILENCE),
    "half a header": (QUERY[:6], SILENCE),
    "a response": (HEADER.pack(0x1234, 0x8180, 1, 0, 0, 0) + QUESTION, SILENCE),
    "header alone, one question promised": (QUERY[:12], FORMERR),
    "no question": (HEADER.pack(0x1234, 0x0100, 0, 0, 0, 0), FORMERR),
    "two questions": (HEADER.pack(0x1234, 0x0100, 2, 0, 0, 0) + QUESTION * 2, FORMERR),
    "name ends in the middle": (QUERY[:20], FORMERR),
    "no type": (QUERY[:-4], FORMERR),
    "pointer to itself": (QUERY[:12] + b"\xc0\x0c\0\1\0\1", FORMERR),
    "reserved label type": (QUERY[:12] + b"\x80www\0\0\1\0\1", FORMERR),
    "name longer than 255": (QUERY[:12] + (b"\x3f" + b"a" * 63) * 5 + b"\0\0\1\0\1", FORMERR),
    "opcode NOTIFY": (HEADER.pack(0x1234, 0x2000, 1, 0, 0, 0) + QUESTION, NOTIMP),
    "opcode UPDATE": (HEADER.pack(0x1234, 0x2800, 1, 0, 0, 0) + QUESTION, NOTIMP),
    "opcode 15": (HEADER.pack(0x1234, 0x7800, 1, 0, 0, 0) + QUESTION, NOTIMP),
    "two OPT records": (
        HEADER.pack(0x1234, 0x0100, 1, 0, 0, 2) + QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\0" * 2,
        FORMERR,
    ),
    "OPT with a broken option": (
        HEADER.pack(0x1234, 0x0100, 1, 0, 0, 1) + QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\4\0\x0a\0\x40",
        FORMERR,
    ),
}
MUTATIONS = 200_000


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    """Open a UDP socket connected to the server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.connect(("127.0.0.1", server.port))
        connected.settimeout(3)
        yield connected


def ask(client: socket.socket, packet: bytes) -> list[bytes]:
    """Send a packet and then a proper query; return the responses up to the proper one's."""
    marker = b"\xab\xcd" + QUERY[2:]
    client.send(packet)
    client.send(marker)
    responses: list[bytes] = []
    while not responses or responses[-1][:2] != marker[:2]:
        responses.append(client.recv(4096))
    return responses[:-1]


@pytest.mark.parametrize("case", CASES)
def test_malformed_over_udp(server: Server, client: socket.socket, case: str) -> None:
    """Each kind of broken packet has its rcode or silence, and the next proper query its answer."""
    server.dig("www.example")
    packet, rcode = CASES[case]
    responses = ask(client, packet)
    assert [response[3] & 0x0F for response in responses] == ([] if rcode is SILENCE else [rcode])
    assert all(response[:2] == packet[:2] for response in responses)


@pytest.mark.parametrize("frame", [b"\0\0", b"\0\x05abcde", b"\xff\xff" + b"\0" * 100, b"\0\x1d" + QUERY[:10]])
def test_malformed_over_tcp(server: Server, frame: bytes) -> None:
    """A broken frame costs at most its own connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(frame)
    assert server.dig("www.example", "+tcp").status == "NOERROR"


def descriptors(server: Server) -> int:
    """Return how many files the server's workers hold open."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in server.processes())


def mutate(source: random.Random) -> bytes:
    """Return a query with a few octets changed, cut off or appended."""
    packet = bytearray(source.choice([QUERY, *(packet for packet, _ in CASES.values() if packet)]))
    for _ in range(source.randint(1, 4)):
        packet[source.randrange(len(packet))] = source.randrange(256)
    cut = source.choice([len(packet), source.randrange(len(packet) + 1)])
    return bytes(packet[:cut]) + source.randbytes(source.choice([0, 0, 3, 40]))


def test_survives_mutated_packets(server: Server, client: socket.socket) -> None:
    """Thousands of mutated packets change neither the processes nor their descriptors, and raise nothing."""
    server.dig("www.example")
    source = random.Random(8)
    workers = server.processes()
    before = descriptors(server)
    for _ in range(MUTATIONS // 20):
        for _ in range(20):
            client.send(mutate(source))
        ask(client, QUERY)
    assert server.processes() == workers
    assert descriptors(server) <= before + 20
    assert "Traceback" not in server.running.output
