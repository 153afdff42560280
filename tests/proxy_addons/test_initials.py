"""The ClientHellos in Initial packets, as a client sends them and as a forger would."""

import random
from collections.abc import Sequence
from contextlib import suppress

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicProtocolVersion
from hypothesis import given
from hypothesis import strategies as st

from proxy_addons.initials import MAX_CONNECTIONS, MAX_HELLO, MIN_DATAGRAM, Initials, read_frames
from tests.fakes.hello import client_hello
from tests.fakes.initial import crypto_frame, initial_packet

NAMES = ("www.example.org", "www.example.net")
RECORD_HEADER = 5
LONG = ["h3", *(f"{number:0200}" for number in range(8))]
ANSWERED = b"a server"
"""The ID that a server chose for itself."""


def handshake(name: str) -> bytes:
    """Return the message with a ClientHello."""
    return client_hello(name)[RECORD_HEADER:]


def sent(protocols: Sequence[str], version: int = QuicProtocolVersion.VERSION_1) -> list[bytes]:
    """Return the datagrams with which a QUIC client begins."""
    configuration = QuicConfiguration(alpn_protocols=list(protocols), server_name=NAMES[0], original_version=version)
    connection = QuicConnection(configuration=configuration)
    connection.connect(("192.0.2.1", 443), now=0.0)
    return [datagram for datagram, _ in connection.datagrams_to_send(now=0.0)]


def taken(initials: Initials) -> list[str | None]:
    """Return the names in the ClientHellos that became whole."""
    return [hello.sni for hello in initials.take_hellos()]


@pytest.fixture
def chance() -> random.Random:
    """Return the same chance for every test."""
    return random.Random(8)


@pytest.mark.parametrize("version", [QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2])
@pytest.mark.parametrize("protocols", [["h3"], LONG], ids=["one datagram", "two datagrams"])
def test_reads_what_a_client_sends(protocols: list[str], version: QuicProtocolVersion) -> None:
    """In either version and any order; it has passed once it is whole, and is taken once."""
    datagrams = sent(protocols, version)
    initials = Initials()
    for datagram in reversed(datagrams[1:]):
        (identity,) = initials.read(datagram)
        assert taken(initials) == []
        assert not initials.has_passed(identity)
    (identity,) = initials.read(datagrams[0])
    assert taken(initials) == [NAMES[0]]
    assert initials.has_passed(identity)
    assert initials.read(datagrams[-1]) == {identity}
    assert taken(initials) == []


def test_octets_do_not_change(chance: random.Random) -> None:
    """What was read of a connection cannot be replaced by another ClientHello, wherever a server saw it first."""
    initials, identity, first = Initials(), b"8 octets", handshake(NAMES[0])
    initials.read(initial_packet(crypto_frame(first), chance, identity))
    assert taken(initials) == [NAMES[0]]
    for message in (handshake(NAMES[1]), first[:-1] + bytes([first[-1] ^ 1])):
        with pytest.raises(ValueError, match="another before"):
            initials.read(initial_packet(crypto_frame(message), chance, identity))
    assert initials.read(initial_packet(crypto_frame(first), chance, identity)) == {identity}


def test_each_connection_is_read(chance: random.Random) -> None:
    """Whose ID is new begins another connection on the same flow, as after a Retry, up to a number of them."""
    initials = Initials()
    for _ in range(MAX_CONNECTIONS):
        initials.read(initial_packet(crypto_frame(handshake(NAMES[1])), chance))
        assert taken(initials) == [NAMES[1]]
    with pytest.raises(ValueError, match="too many"):
        initials.read(initial_packet(crypto_frame(handshake(NAMES[0])), chance))
    assert taken(initials) == []


def test_an_id_of_the_server_leads_to_the_same_connection(chance: random.Random) -> None:
    """After the server's answer packets bear its ID, and are protected as before; a second ClientHello is read, too."""
    initials, identity = Initials(), b"8 octets"
    first = handshake(NAMES[0])
    initials.read(initial_packet(crypto_frame(first), chance, identity))
    assert taken(initials) == [NAMES[0]]
    acknowledgement = bytes.fromhex("0200000000")
    assert initials.read(initial_packet(acknowledgement, chance, ANSWERED, identity)) == {identity}
    assert initials.has_passed(identity)
    second = crypto_frame(handshake(NAMES[1]), len(first))
    assert initials.read(initial_packet(second, chance, ANSWERED, identity)) == {identity}
    assert not initials.has_passed(identity)
    assert taken(initials) == [NAMES[1]]
    with pytest.raises(ValueError, match="another before"):
        initials.read(initial_packet(crypto_frame(handshake(NAMES[1])), chance, ANSWERED, identity))


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (crypto_frame(b"\1\0", MAX_HELLO - 1), "without end"),
        (b"\x08" + bytes(40), "no place here"),
        (b"\x06\x40", "bounds"),
        (bytes.fromhex("0200007fff"), "bounds"),
        (bytes.fromhex("1c0000"), "bounds"),
    ],
)
def test_what_cannot_be_read_is_no_harmless_packet(chance: random.Random, frames: bytes, problem: str) -> None:
    """A ClientHello that is too far on, other frames, frames that are cut: ValueError, and nothing is to be judged."""
    initials = Initials()
    with pytest.raises(ValueError, match=problem):
        initials.read(initial_packet(crypto_frame(handshake(NAMES[0])).ljust(MIN_DATAGRAM, b"\0") + frames, chance))
    assert taken(initials) == []


def test_reads_on_only_in_client_hellos(chance: random.Random) -> None:
    """Another message, or one that is none, behind a ClientHello, too, ends in ValueError, and never passes."""
    for message in (b"\2\0\0\1\0", b"\1\0\0\1\0"):
        for before in (b"", handshake(NAMES[0])):
            initials, identity = Initials(), b"8 octets"
            datagram = initial_packet(crypto_frame(before + message), chance, identity)
            for _ in range(2):
                with pytest.raises(ValueError, match="ClientHello"):
                    initials.read(datagram)
            assert not initials.has_passed(identity)


def test_what_was_not_let_pass_has_not(chance: random.Random) -> None:
    """A ClientHello has passed when the next one is asked for: not before, and not if nobody got to see it."""
    initials, identity = Initials(), b"8 octets"
    first = initial_packet(crypto_frame(handshake(NAMES[0])), chance, identity)
    with pytest.raises(ValueError, match="not a ClientHello"):
        initials.read(first + initial_packet(crypto_frame(b"\2\0\0\1\0"), chance))
    assert not initials.has_passed(identity)
    assert initials.read(first) == {identity}
    hellos = initials.take_hellos()
    assert next(hellos).sni == NAMES[0]
    assert not initials.has_passed(identity)
    assert list(hellos) == []
    assert initials.has_passed(identity)


def test_a_short_datagram_has_no_initial_packet(chance: random.Random) -> None:
    """What servers discard is not read: RFC 9000 section 14.1."""
    datagram = initial_packet(b"", chance, size=MIN_DATAGRAM // 2)
    with pytest.raises(ValueError, match="short datagram"):
        Initials().read(datagram)


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_any_octets_are_read_or_refused(header: bytes, frames: bytes) -> None:
    """Whatever comes, in a datagram or in its packets: nothing but ValueError."""
    for datagram in (bytes([0xC0]) + header, initial_packet(frames, random.Random(9))):
        initials = Initials()
        with suppress(ValueError):
            initials.read(datagram.ljust(MIN_DATAGRAM, b"\0"))
            taken(initials)
    with suppress(ValueError):
        assert all(len(octets) < len(frames) for _, octets in read_frames(frames))
