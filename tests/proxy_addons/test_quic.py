"""QUIC until its ClientHello is there, through mitmproxy's layers; over WireGuard, in tests/e2e/test_gateway.py."""

import random
from collections.abc import Sequence

import pytest
from aioquic.buffer import Buffer  # type: ignore[attr-defined]
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.tls import Alert, pull_client_hello

from proxy_addons.initials import LONG_HEADER, VERSIONS
from proxy_addons.quic import MAX_DATAGRAMS
from tests.fakes.hello import client_hello
from tests.fakes.initial import crypto_frame, initial_packet
from tests.fakes.layers import Run, World
from tests.fakes.published import LISTED, PLAIN, TRUSTING, UNLISTED

SERVER = ("192.0.2.1", 443)
LONG = ["h3", *(f"{number:0200}" for number in range(8))]
"""So many protocols that a ClientHello takes two datagrams."""

RESERVED = bytes.fromhex("1a2a3a4a")
"""A version that no server has (RFC 9000 section 15)."""

SHORT_HEADER = b"\x40" + bytes(60)
"""A datagram as both sides send them later."""

OTHER_PORT = 50_000
"""Where mitmproxy and the addon expect QUIC no more than anything else."""

REAL_TIME = b"\x80\x60" + bytes(1300)
"""A packet of RTP: its first bit is that of a long header, and what stands in place of the version is no known one."""

INITIAL_BITS = LONG_HEADER | 0x30
"""The bits of the first octet that make an Initial packet, to a server that does not ask for the fixed one."""

CHANCE = random.Random(4)
MUTATIONS = 300
RECORD_HEADER = 5


def initial(name: str, protocols: Sequence[str] = ("h3",)) -> list[bytes]:
    """Return the datagrams with which a QUIC client begins."""
    configuration = QuicConfiguration(alpn_protocols=list(protocols), server_name=name)
    connection = QuicConnection(configuration=configuration)
    connection.connect(SERVER, now=0.0)
    return [datagram for datagram, _ in connection.datagrams_to_send(now=0.0)]


def with_version(datagram: bytes, version: bytes) -> bytes:
    """Return a datagram that claims to be of another version."""
    return datagram[:1] + version + datagram[5:]


def run(world: World, datagrams: Sequence[bytes], address: str = PLAIN, port: int = 443) -> Run:
    """Let a client send datagrams."""
    return world.run(datagrams, transport="udp", address=address, port=port)


def refused(world: World) -> int:
    """Return how many connections were counted as refused."""
    return world.addon._journal.counters["proxy_connections", "refuse"]


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


@pytest.mark.parametrize(
    "datagram", [None, SHORT_HEADER, bytes(1200), b"\xc0" + bytes(1300)], ids=["half", "short", "zeros", "no version"]
)
def test_a_hello_does_not_take_for_ever(world: World, datagram: bytes | None) -> None:
    """Who sends the same part of it again and again, or what is none, is closed, and counted like its TCP twin."""
    first, _ = initial(UNLISTED, LONG)
    before = refused(world)
    assert not run(world, [datagram or first] * MAX_DATAGRAMS).is_closed
    found = run(world, [datagram or first] * (MAX_DATAGRAMS + 1))
    assert (found.opened, found.to_client, found.is_closed) == ([], [], True)
    assert refused(world) == before + 1


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


def test_versions_are_negotiated_by_what_all_share(world: World) -> None:
    """Of another version only the IDs are read, of whatever length and behind whatever bits (RFC 8999)."""
    destination, source = bytes(range(200)), bytes(range(100, 130))
    header = b"".join(bytes([len(each)]) + each for each in (destination, source))
    (answer,) = run(world, [(b"\x80" + RESERVED + header).ljust(1200, b"\0")]).to_client
    assert answer[5:].startswith(b"".join(bytes([len(each)]) + each for each in (source, destination)))


@pytest.mark.parametrize(
    "datagram",
    [
        (b"\xc0" + bytes(4)).ljust(1200, b"\0"),
        (b"\xc0" + RESERVED).ljust(1199, b"\0"),
        (b"\x40" + RESERVED).ljust(1200, b"\0"),
        b"\xc0",
        b"",
    ],
    ids=["a negotiation itself", "too short", "short header", "one octet", "nothing"],
)
def test_nothing_else_is_negotiated(world: World, datagram: bytes) -> None:
    """What is no beginning gets no answer, also behind one that got one (RFC 9000 sections 6.1 and 14.1)."""
    begin = with_version(initial(UNLISTED)[0], RESERVED)
    assert run(world, [datagram]).to_client == []
    assert len(run(world, [begin, datagram]).to_client) == 1


def test_negotiations_do_not_take_for_ever(world: World) -> None:
    """Who begins with the same version again and again is closed."""
    found = run(world, [with_version(initial(UNLISTED)[0], RESERVED)] * (MAX_DATAGRAMS + 1))
    assert (len(found.to_client), found.is_closed) == (MAX_DATAGRAMS, True)


def disturbances() -> list[tuple[str, bytes]]:
    """Return datagrams that servers drop, by what they are."""
    hello, other = initial(UNLISTED)[0], initial(UNLISTED, LONG)[1]
    return [
        ("empty", b""),
        ("one octet", b"\0"),
        ("short header", SHORT_HEADER),
        ("too short an Initial", hello[:1199]),
        ("undecryptable", hello[:200] + bytes([hello[200] ^ 1]) + hello[201:]),
        ("cut", hello[:40]),
        ("of another connection", other),
        ("early data of another connection", b"\xd0" + other[1:]),
        ("another version behind it", initial_packet(b"", random.Random(1), size=500) + with_version(hello, RESERVED)),
    ]


@pytest.mark.parametrize("datagram", [pytest.param(each, id=name) for name, each in disturbances()])
def test_what_cannot_be_read_is_dropped(world: World, datagram: bytes) -> None:
    """It neither closes what is pending nor goes on, and makes no listed name pass (RFC 9000 section 5.2)."""
    hello = initial(UNLISTED)
    found = run(world, [datagram, *hello, SHORT_HEADER])
    assert (found.to_server, found.is_closed) == ([*hello, SHORT_HEADER], False)
    found = run(world, [datagram, *initial(LISTED)])
    assert (found.opened, found.to_server, found.is_closed) == ([], [], True)


@pytest.mark.parametrize("port", [443, OTHER_PORT])
@pytest.mark.parametrize("protocols", [["h3"], LONG], ids=["one datagram", "two datagrams"])
def test_a_later_connection_of_a_flow_is_judged_too(world: World, protocols: list[str], port: int) -> None:
    """On a flow that passed, another unlisted name passes, and a listed one ends it, whatever is in between."""
    first, second, listed = (initial(name, protocols) for name in (UNLISTED, UNLISTED, LISTED))
    found = run(world, [*first, SHORT_HEADER, *second, SHORT_HEADER, *listed, SHORT_HEADER], port=port)
    assert found.to_server == [*first, SHORT_HEADER, *second, SHORT_HEADER]
    assert found.is_closed
    assert "quic_start_client" not in found.asked


@pytest.mark.parametrize("names", [(LISTED, UNLISTED), (UNLISTED, LISTED)])
def test_connections_in_one_datagram_are_all_judged(world: World, names: tuple[str, str]) -> None:
    """One of them that is refused ends the flow before the server hears of any, whichever comes first."""
    datagram = b"".join(initial_packet(crypto_frame(client_hello(each)[RECORD_HEADER:]), CHANCE) for each in names)
    found = run(world, [datagram, *initial(UNLISTED)])
    assert (found.to_server, found.is_closed) == ([], True)


def test_a_connection_beside_an_unreadable_one_is_judged(world: World) -> None:
    """What was read of a datagram that was dropped is not taken for judged when it comes again."""
    listed = initial_packet(crypto_frame(client_hello(LISTED)[RECORD_HEADER:]), CHANCE)
    found = run(world, [*initial(UNLISTED), listed + initial_packet(crypto_frame(b"\2"), CHANCE), listed])
    assert (len(found.to_server), found.is_closed) == (1, True)


@pytest.mark.parametrize("port", [443, OTHER_PORT])
def test_a_page_is_not_for_a_later_connection(world: World, port: int) -> None:
    """Where a listed name would get one, a flow that passed ends: its next one gets it."""
    found = run(world, [*initial(UNLISTED), *initial(LISTED)], TRUSTING, port)
    assert (len(found.to_server), found.is_closed) == (1, True)


@pytest.mark.parametrize("first", [b"\0", b"a beginning of something else", REAL_TIME, b"\xff" * 20])
def test_a_flow_that_began_as_something_else_is_judged(world: World, first: bytes) -> None:
    """Where QUIC is not expected anything passes, and QUIC is judged all the same."""
    hello = initial(UNLISTED)
    found = run(world, [first, *hello, REAL_TIME, SHORT_HEADER], port=OTHER_PORT)
    assert found.to_server == [first, *hello, REAL_TIME, SHORT_HEADER]
    found = run(world, [first, *initial(LISTED, LONG), SHORT_HEADER], port=OTHER_PORT)
    assert (found.to_server, found.is_closed) == ([first], True)


@pytest.mark.parametrize("version", [b"Q043", b"Q046", b"Q050", b"\xff\0\0\x1d", RESERVED])
def test_versions_that_cannot_be_read_do_not_pass(world: World, version: bytes) -> None:
    """Not at the beginning of a flow, not later, and not where something else passed."""
    other, hello = with_version(initial(LISTED)[0], version), initial(UNLISTED)
    for port in (443, OTHER_PORT):
        found = run(world, [other, *hello, other], port=port)
        assert (found.to_server, len(found.to_client)) == (hello, 1)
    assert run(world, [b"a", other], port=OTHER_PORT).to_server == [b"a"]


def test_without_quic_nothing_of_it_passes(world: World) -> None:
    """Where mitmproxy is told to do without HTTP/3, datagrams of QUIC are swallowed, as it does itself."""
    world.options.update(http3=False)  # type: ignore[no-untyped-call]
    try:
        found = run(world, [*initial(UNLISTED), SHORT_HEADER])
        assert (found.opened, found.asked.count("tls_clienthello")) == ([], 0)
    finally:
        world.options.update(http3=True)  # type: ignore[no-untyped-call]


def test_a_flow_of_dtls_is_mitmproxy_s(world: World) -> None:
    """Where QUIC is expected, too, DTLS goes to the layers for it."""
    record = bytes.fromhex("16feff0000000000000000")
    assert run(world, [record + bytes(2)]).to_client == run(world, [record + bytes(2)], port=OTHER_PORT).to_client


@pytest.mark.parametrize("datagram", [SHORT_HEADER, b"\x40" + bytes(1300), b"\xc0\0\0\0\1" + bytes(20)])
def test_what_is_no_beginning_of_quic_is_not_taken_for_one(world: World, datagram: bytes) -> None:
    """Too short, or without a long header: that is mitmproxy's, and no hello is asked about."""
    assert "tls_clienthello" not in run(world, [datagram]).asked


def test_mutated_datagrams_reach_nobody(world: World) -> None:
    """Whatever happens to a datagram with a listed name, or half of it, no server hears of it and nothing fails.

    Alone and on a flow that passed, and if the datagram comes once more as it was. What is no Initial packet any more,
    or in a version that is none and where QUIC is not expected, is something else, in which no server finds a name.
    """
    chance = random.Random(5)
    for _ in range(MUTATIONS // 3):
        listed, port = initial(LISTED, chance.choice((["h3"], LONG))), chance.choice((443, OTHER_PORT))
        octets = bytearray(listed[-1])
        for _ in range(chance.choice((1, 2, 8))):
            octets[chance.randrange(chance.choice((40, len(octets))))] = chance.randrange(256)
        is_initial = octets[0] & INITIAL_BITS == LONG_HEADER and (port == SERVER[1] or octets[1:5] == listed[0][1:5])
        told = {*listed, bytes(octets)} if is_initial else {*listed}
        for before in ([], initial(UNLISTED)):
            for behind in ([], listed[-1:]):
                found = run(world, [*before, *listed[:-1], bytes(octets), *behind], port=port)
                assert not told.intersection(found.to_server)
                assert found.to_server == [] or before or port == OTHER_PORT


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
