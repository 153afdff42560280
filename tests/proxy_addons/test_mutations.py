"""Mutated ClientHellos and HTTP heads through mitmproxy's layers and the addon: nothing fails, nothing gets through.

OpenSSL and h11 read the same octets as a server would: where they find a listed name, no connection may be opened.
DNSFILTER_MUTATIONS says how many; `make check` takes the default.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterator

import h11
import pytest
from OpenSSL import SSL

from dnsfilter.model import Channel
from dnsfilter.names import is_within
from proxy_addons.names import read_target
from tests.fakes.hello import client_hello
from tests.fakes.layers import World
from tests.fakes.origin import make_certificate
from tests.fakes.published import LISTED, UNLISTED

MUTATIONS = int(os.environ.get("DNSFILTER_MUTATIONS", "2000"))
HEADS = (
    b"GET /video HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n\r\n" % LISTED.encode(),
    b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (LISTED.encode(), LISTED.encode()),
    b"POST / HTTP/1.1\r\nHost: %b:80\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc" % LISTED.encode(),
    b"GET /chat HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" % LISTED.encode(),
    b"CONNECT %b:443 HTTP/1.1\r\nHost: %b:443\r\n\r\n" % (LISTED.encode(), LISTED.encode()),
    b"OPTIONS * HTTP/1.1\r\nhost:\t%b \r\n\r\n" % LISTED.upper().encode(),
    b"GET / HTTP/1.0\r\n\r\n",
)
TUNNEL = b"CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n"
"""What a client of an explicit proxy says before its ClientHello."""


@pytest.fixture(scope="module")
def name_in_hello(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], str | None]:
    """Return a function by which OpenSSL says what name a ClientHello has, None where it does not like it."""
    server, file = SSL.Context(SSL.TLS_SERVER_METHOD), str(make_certificate(tmp_path_factory.mktemp("server"), LISTED))
    server.use_certificate_file(file)
    server.use_privatekey_file(file)
    found: list[bytes | None] = []
    server.set_tlsext_servername_callback(lambda connection: found.append(connection.get_servername()))

    def read(data: bytes) -> str | None:
        found.clear()
        connection = SSL.Connection(server, None)
        connection.set_accept_state()
        connection.bio_write(data or b"\0")
        with contextlib.suppress(SSL.Error):
            connection.do_handshake()
        return found[0].decode("latin-1") if found and found[0] else None

    return read


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return octets with a few of them changed, left out, repeated or moved."""
    octets = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        position = chance.randrange(len(octets) or 1)
        match chance.randrange(6):
            case 0 | 1 if octets:
                octets[position] = chance.choice((0, 0xFF, chance.randrange(256), octets[position] ^ 0x20))
            case 2:
                del octets[position : position + chance.choice((1, 1, 2, 40))]
            case 3:
                octets[position:position] = chance.randbytes(chance.choice((1, 2, 5)))
            case 4:
                octets[position:position] = octets[position : position + chance.randrange(60)]
            case _:
                del octets[chance.randrange(len(octets) or 1) + 20 :]
    return bytes(octets)


def cut(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield octets in the segments that a network, or somebody who hides, makes of them."""
    while data:
        length = chance.choice((len(data), len(data), 1, 2, 3, 9, chance.randrange(1, 200)))
        yield data[:length]
        data = data[length:]


def is_listed(name: str | None) -> bool:
    """Whether a name means the listed one, however it is spelt."""
    target = read_target(name, Channel.SNI) if name else None
    return target is not None and is_within(str(target.value), "tiktok.com")


@pytest.mark.parametrize("mode", ["transparent", "regular"])
def test_mutated_hellos(world: World, name_in_hello: Callable[[bytes], str | None], mode: str) -> None:
    """What OpenSSL takes for a hello to a listed name opens no connection; nothing at all makes a hook fail."""
    chance = random.Random(2023)
    hellos = [client_hello(LISTED), client_hello(UNLISTED), client_hello(), client_hello(UNLISTED, LISTED)]
    before = (TUNNEL,) if mode == "regular" else ()
    assert world.connect([*before, hellos[0]], mode) == []
    assert world.connect([*before, hellos[1]], mode) == [("192.0.2.1", 443)]
    named = 0
    for number in range(MUTATIONS):
        data = mutate(chance.choice(hellos), chance)
        opened = world.connect([*before, *cut(data, chance)], mode)
        if is_listed(name_in_hello(data)):
            named += 1
            assert opened == [], (number, data.hex())
    assert named > MUTATIONS / 20
    assert world.addon._journal.counters["proxy_errors",] == 0


@pytest.mark.parametrize("mode", ["transparent", "regular"])
def test_mutated_heads(world: World, mode: str) -> None:
    """What h11 takes for a request to a listed host opens no connection; nothing at all makes a hook fail."""
    chance = random.Random(1989)
    named = 0
    for number in range(MUTATIONS):
        data = mutate(chance.choice(HEADS), chance)
        opened = world.connect(cut(data, chance), mode)
        if any(map(is_listed, _hosts(data))):
            named += 1
            assert opened == [], (number, data)
    assert named > MUTATIONS / 20
    assert world.addon._journal.counters["proxy_errors",] == 0


def _hosts(data: bytes) -> Iterator[str]:
    """Yield the hosts of a request as h11 reads it, none where it does not like it, or where there are two of them."""
    if data.count(b"HTTP/1") > 1:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError:
        return
    if isinstance(request, h11.Request):
        for field, value in request.headers:
            if field == b"host":
                yield value.decode("utf-8", "surrogateescape").partition(":")[0]
