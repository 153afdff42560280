"""QUIC until its ClientHello is there, through mitmproxy's layers; over WireGuard, in tests/e2e/test_gateway.py."""

import random
from collections.abc import Iterator, Sequence

import pytest
from aioquic.buffer import Buffer  # type: ignore[attr-defined]
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.tls import Alert, pull_client_hello

from proxy_addons.quic import MAX_DATAGRAMS, VERSIONS
from tests.fakes.hello import client_hello
from tests.fakes.initial import crypto_frame, initial_packet
from tests.fakes.layers import Run, World, running
from tests.fakes.published import LISTED, PLAIN, TRUSTING, UNLISTED, publish_world

SERVER = ("192.0.2.1", 443)
LONG = ["h3", *(f"{number:0200}" for number in range(8))]
"""So many protocols that a ClientHello takes two datagrams."""

RESERVED = bytes.fromhex("1a2a3a4a")
"""A version that no server has (RFC 9000 section 15)."""

SHORT_HEADER = b"\x40" + bytes(60)
"""A datagram as both sides send them later."""

MUTATIONS = 300
RECORD_HEADER = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the addon in the phase that refuses."""
    directory = tmp_path_factory.mktemp("world")
    publish_world(directory)
    with running(directory) as found:
        yield found


def initial(name: str, protocols: Sequence[str] = ("h3",)) -> list[bytes]:
    """Return the datagrams with which a QUIC client begins."""
    configuration = QuicConfiguration(alpn_protocols=list(protocols), server_name=name)
    connection = QuicConnection(configuration=configuration)
    connection.connect(SERVER, now=0.0)
    return [datagram for datagram, _ in connection.datagrams_to_send(now=0.0)]


def with_version(datagram: bytes, version: bytes) -> bytes:
    """Return a datagram that claims to be of another version."""
    return datagram[:1] + version + datagram[5:]


def run(world: World, datagrams: Sequence[bytes], address: str = PLAIN) -> Run:
    """Let a client send datagrams."""
    return world.run(datagrams, transport="udp", address=address)


@pytest.mark.parametrize("protocols", [["h3"], LONG], ids=["one datagram", "two datagrams"])
def test_an_unlisted_name_passes(world: World, protocols: list[str]) -> None:
    """Every datagram goes to the server as it came, also those after the ClientHello; nothing is decrypted."""
    datagrams = [*initial(UNLISTED, protocols), SHORT_HEADER, SHORT_HEADER]
    found = run(world, datagrams)
    assert len(datagrams) == (3 if protocols == ["h3"] else 4)
    assert (found.opened, found.to_server, found.to_client) == ([SERVER], datagrams, [])
    assert "quic_start_client" not in found.asked
    assert "udp_start" not in found.asked


@pytest.mark.parametrize("protocols", [["h3"], LONG], ids=["one datagram", "two datagrams"])
def test_a_listed_name_is_refused(world: World, protocols: list[str]) -> None:
    """No connection to a server comes into being, and the client's is closed."""
    found = run(world, [*initial(LISTED, protocols), SHORT_HEADER])
    assert (found.opened, found.to_server, found.is_closed) == ([], [], True)


def test_nobody_is_reached_before_the_name_is_there(world: World) -> None:
    """The first half of a ClientHello leads nowhere yet, whatever comes behind it."""
    first, _ = initial(UNLISTED, LONG)
    found = run(world, [first, SHORT_HEADER])
    assert (found.opened, found.is_closed) == ([], False)


def test_a_hello_does_not_take_for_ever(world: World) -> None:
    """Who sends the same part of it again and again is closed."""
    first, _ = initial(UNLISTED, LONG)
    found = run(world, [first] * (MAX_DATAGRAMS + 1))
    assert (found.opened, found.is_closed) == ([], True)


def test_other_datagrams_may_come_first(world: World) -> None:
    """Early data that overtook the ClientHello waits for it (RFC 9001 section 4.6)."""
    hello = initial(UNLISTED)
    early = b"\xd0" + hello[0][1:]
    found = run(world, [early, *hello])
    assert found.to_server == [early, *hello]


def test_where_a_page_is_shown_mitmproxy_decrypts(world: World) -> None:
    """A device that trusts the CA gets the handshake for a listed name from the proxy itself."""
    found = run(world, initial(LISTED), TRUSTING)
    assert "quic_start_client" in found.asked
    assert found.opened == []


def test_versions_are_negotiated(world: World) -> None:
    """Whose version cannot be read is told which can, and is served under one of those (RFC 9000 section 6)."""
    hello = initial(UNLISTED)
    found = run(world, [with_version(hello[0], RESERVED), *hello])
    assert len(found.to_client) == 1
    answer = found.to_client[0]
    assert answer[1:5] == bytes(4)
    assert answer.endswith(b"".join(version.to_bytes(4) for version in VERSIONS))
    assert (found.opened, found.to_server) == ([SERVER], hello)


@pytest.mark.parametrize("datagram", [SHORT_HEADER, b"\x40" + bytes(1300), b"\xc0\0\0\0\1" + bytes(20)])
def test_what_is_no_beginning_of_quic_is_not_taken_for_one(world: World, datagram: bytes) -> None:
    """Too short, or without a long header: that is mitmproxy's, and no hello is asked about."""
    assert "tls_clienthello" not in run(world, [datagram]).asked


def test_mutated_datagrams_reach_nobody(world: World) -> None:
    """Whatever happens to the datagrams of a listed name on the way, no server hears of them and nothing fails."""
    chance = random.Random(5)
    for _ in range(MUTATIONS):
        octets = bytearray(chance.choice(initial(LISTED, LONG)))
        for _ in range(chance.choice((1, 2, 8))):
            octets[chance.randrange(chance.choice((40, len(octets))))] = chance.randrange(256)
        assert run(world, [bytes(octets)]).opened == []


def test_mutated_hellos_are_read_as_a_server_reads_them(world: World) -> None:
    """Behind whatever frames they come: where a connection is opened, the server does not see the listed name."""
    chance, whole = random.Random(6), client_hello(LISTED)[RECORD_HEADER:]
    for _ in range(MUTATIONS):
        hello = mutate(whole, chance)
        cut = chance.randrange(len(hello))
        parts = [crypto_frame(hello[:cut]), crypto_frame(hello[cut:], cut), chance.randbytes(chance.choice((0, 0, 9)))]
        chance.shuffle(parts)
        found = run(world, [initial_packet(b"".join(parts), chance)])
        assert not found.opened or name_of(hello) != LISTED


def test_frames_of_any_kind_reach_nobody(world: World) -> None:
    """What is protected like an Initial packet and has no ClientHello in it leads nowhere, and nothing fails."""
    chance = random.Random(7)
    for kind in range(0x40):
        assert run(world, [initial_packet(bytes([kind]) + chance.randbytes(99), chance)]).opened == []


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return octets with one to three of them changed."""
    octets = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
    return bytes(octets)


def name_of(hello: bytes) -> str | None:
    """Return the server name as a QUIC server reads it, None where it does not take the ClientHello."""
    try:
        return pull_client_hello(Buffer(data=hello)).server_name
    except (Alert, ValueError):
        return None
