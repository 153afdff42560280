"""TLS between two pairs of buffers: however octets are cut, what is no TLS, the end of a connection."""

import asyncio
import gc
import ssl
import weakref
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsfilter.server import encryption
from dnsfilter.server.encryption import RECORD_SIZE, Encryption, is_whole_record
from dnsfilter.server.precedence import Precedence
from tests.fakes.origin import make_certificate


class Wire(asyncio.Transport):
    """The plain transport below: keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4242)})
        self.written = bytearray()
        self.ending = ""

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data

    def is_closing(self) -> bool:
        """Whether it was ended."""
        return bool(self.ending)

    def close(self) -> None:
        """Note it."""
        self.ending = self.ending or "closed"

    def abort(self) -> None:
        """Note it."""
        self.ending = "aborted"


class Echo(asyncio.Protocol):
    """What is spoken inside: every octet comes back; `active` is 0.0 where there is no place for it."""

    def __init__(self, active: float = 1.0) -> None:
        self.active = active
        self.received = b""
        self.transport: asyncio.Transport | None = None
        self.is_lost = False

    def take_place(self, transport: asyncio.BaseTransport) -> None:
        """End where there is no place."""
        if not self.active:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note whom to answer."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.received += data
        self.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        """Note it."""
        self.is_lost = True


class Client:
    """The other end of TLS."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trust.wrap_bio(self.incoming, self.outgoing, server_hostname="dns.example")

    def shake_hands(self, server: Encryption, wire: Wire, size: int = 1 << 20) -> None:
        """Do the handshake, sending pieces of `size` octets."""
        for _ in range(4):
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
            self.send(server, size)
            self.take(wire)

    def send(self, server: Encryption, size: int = 1 << 20) -> None:
        """Let what TLS wrote arrive at the server."""
        data = self.outgoing.read()
        for start in range(0, len(data), size):
            server.data_received(data[start : start + size])

    def take(self, wire: Wire) -> None:
        """Take what the server wrote."""
        self.incoming.write(bytes(wire.written))
        wire.written.clear()

    def read(self) -> bytes:
        """Return all there is to read."""
        data = b""
        with suppress(ssl.SSLWantReadError):
            while chunk := self.tls.read(RECORD_SIZE):
                data += chunk
        return data


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    directory: Path = tmp_path_factory.mktemp("certificate")
    file = str(make_certificate(directory, "dns.example"))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(file, file)
    return serving, ssl.create_default_context(cafile=file)


def converse(contexts: tuple[ssl.SSLContext, ssl.SSLContext], data: bytes, size: int) -> bytes:
    """Send data in pieces of the encrypted stream and return what the echo answered."""

    async def talk() -> bytes:
        wire, server, client = Wire(), Encryption(Echo(), contexts[0], Precedence()), Client(contexts[1])
        server.connection_made(wire)
        client.shake_hands(server, wire, size)
        client.tls.write(data)
        client.send(server, size)
        client.take(wire)
        return client.read()

    return asyncio.run(talk())


@pytest.mark.parametrize("length", [1, RECORD_SIZE, RECORD_SIZE + 1, 100_000])
@pytest.mark.parametrize("size", [100, 16_000, 1 << 20])
def test_every_octet_comes_through(contexts, length: int, size: int) -> None:
    """Whatever its length and however the stream is cut, what one side writes the other reads."""
    data = bytes(number % 251 for number in range(length))
    assert converse(contexts, data, size) == data


def test_a_stream_that_arrives_octet_by_octet(contexts) -> None:
    """A handshake and a record in pieces of one octet are a handshake and a record."""
    assert converse(contexts, b"hello", 1) == b"hello"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=400), max_size=5), is_open=st.booleans())
def test_what_is_no_tls_ends_the_connection_and_nothing_else(contexts, pieces: list[bytes], is_open: bool) -> None:  # noqa: FBT001
    """Any octets, before or after a handshake, reach nobody inside and raise nothing."""

    async def talk() -> None:
        wire, inside = Wire(), Echo()
        server = Encryption(inside, contexts[0], Precedence())
        server.connection_made(wire)
        if is_open:
            Client(contexts[1]).shake_hands(server, wire)
        for piece in pieces:
            if not wire.ending:
                server.data_received(piece)
        assert inside.received == b""
        server.connection_lost(None)
        assert inside.is_lost

    asyncio.run(talk())


def test_a_client_without_a_place_shakes_no_hands(contexts) -> None:
    """Where there is no place the connection ends before any cryptography."""

    async def talk() -> None:
        wire, server = Wire(), Encryption(Echo(active=0.0), contexts[0], Precedence())
        server.connection_made(wire)
        assert wire.ending == "aborted"
        assert not wire.written

    asyncio.run(talk())


def test_a_handshake_that_does_not_come_is_not_waited_for(contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that stays silent is closed after a while, one that has shaken hands stays."""
    monkeypatch.setattr(encryption, "HANDSHAKE_SECONDS", 0.01)

    async def talk() -> None:
        silent, speaking = Wire(), Wire()
        server, other = Encryption(Echo(), contexts[0], Precedence()), Encryption(Echo(), contexts[0], Precedence())
        server.connection_made(silent)
        other.connection_made(speaking)
        Client(contexts[1]).shake_hands(other, speaking)
        await asyncio.sleep(0.05)
        assert silent.ending == "aborted"
        assert not speaking.ending

    asyncio.run(talk())


def test_the_end_is_said(contexts) -> None:
    """Who closes says so first, so that the other knows that nothing was cut off; who hears it closes too."""

    async def talk() -> None:
        wire, server, client = Wire(), Encryption(Echo(), contexts[0], Precedence()), Client(contexts[1])
        server.connection_made(wire)
        client.shake_hands(server, wire)
        server.close()
        assert wire.ending == "closed"
        client.take(wire)
        assert client.tls.read(1) == b""  # close_notify, not a cut
        heard, other, second = Wire(), Encryption(Echo(), contexts[0], Precedence()), Client(contexts[1])
        other.connection_made(heard)
        second.shake_hands(other, heard)
        with pytest.raises(ssl.SSLWantReadError):
            second.tls.unwrap()
        second.send(other)
        assert heard.ending == "closed"

    asyncio.run(talk())


def test_an_ended_connection_is_forgotten_without_the_garbage_collector() -> None:
    """Workers look for no cycles: what is left of an ended connection would stay for good."""
    inside, context = Echo(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    gc.disable()
    try:
        outside = Encryption(inside, context, Precedence())  # type: ignore[arg-type]
        inside.connection_made(outside)
        left = weakref.ref(inside)
        outside.connection_lost(None)
        assert inside.is_lost
        del inside, outside
        assert left() is None
    finally:
        gc.enable()


def test_a_handshake_lets_udp_come_first(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Before the costly parts of a handshake whoever waits over UDP is served."""

    async def talk() -> None:
        served: list[int] = []
        wire, client = Wire(), Client(contexts[1])
        server = Encryption(Echo(), contexts[0], Precedence([lambda: served.append(len(wire.written))]))
        server.connection_made(wire)
        client.shake_hands(server, wire)
        assert served[0] == 0

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("data", "is_whole"),
    [
        (b"", False),
        (b"\x16", False),
        (b"\x16\3\1\0", False),
        (b"\x16\3\1\0\2a", False),
        (b"\x16\3\1\0\2ab", True),
        (b"\x16\3\1\0\2abc", True),
        (b"GET /", True),
    ],
)
def test_a_whole_record(data: bytes, is_whole: bool) -> None:  # noqa: FBT001 - a column of the table
    """A handshake is something to do once its first record is whole (RFC 8446 section 5.1), anything else at once."""
    assert is_whole_record(data) == is_whole
