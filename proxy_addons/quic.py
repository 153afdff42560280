"""QUIC as far as its ClientHello: has it judged before any of mitmproxy's QUIC layers is there. Decides nothing itself.

mitmproxy cannot take a connection that is to be ignored out of those layers again (its issue 8338, in 11 and 12 alike):
who stands above keeps the method of what was replaced, and every further datagram ends in an assertion. What passes
never enters them here.
"""

from aioquic.buffer import Buffer  # type: ignore[attr-defined]
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicHeader, QuicPacketType, encode_quic_version_negotiation, pull_quic_header
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import DataReceived, Event, Start
from mitmproxy.proxy.layer import CommandGenerator, Layer, NextLayer
from mitmproxy.proxy.layers import UDPLayer
from mitmproxy.proxy.layers.quic import quic_parse_client_hello_from_datagrams
from mitmproxy.proxy.layers.tls import TlsClienthelloHook
from mitmproxy.tls import ClientHello, ClientHelloData

MAX_DATAGRAMS = 16
"""In how many datagrams a ClientHello may come; those of browsers take two."""

MIN_DATAGRAM = 1200
"""The shortest datagram with an Initial packet (RFC 9000 section 14.1)."""

VERSIONS = QuicConfiguration(is_client=False).supported_versions
"""Those whose ClientHello can be read."""

PORTS = frozenset({80, 443, 8443})
"""Where mitmproxy takes an unknown version for one of QUIC, too."""

_LONG_HEADER = 0x80
_VERSION_LENGTH = 4
_UNREADABLE = (ValueError, TypeError, AssertionError)
"""What mitmproxy's and aioquic's parsers raise on what is no ClientHello."""


class Beyond(NextLayer):
    """What comes behind the entrance is mitmproxy's to choose."""


def begins_quic(choice: NextLayer) -> bool:
    """Whether what a client has sent is the first datagram of a QUIC connection."""
    client = choice.context.client
    if client.transport_protocol != "udp" or client.tls or isinstance(choice, Beyond):
        return False
    data = bytes(choice.data_client())  # type: ignore[no-untyped-call]
    if len(data) < MIN_DATAGRAM or not data[0] & _LONG_HEADER or not choice.context.options.http3:
        return False
    version = int.from_bytes(data[1 : 1 + _VERSION_LENGTH])
    address = choice.context.server.address
    is_reserved = version & 0x0F0F0F0F == 0x0A0A0A0A  # noqa: PLR2004 - RFC 9000 section 15
    return version in VERSIONS or is_reserved or (address is not None and address[1] in PORTS)


class QuicEntrance(Layer):
    """Waits for the whole ClientHello, has it judged, and leaves the connection to what is to come of it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        context.layers.remove(self)  # mitmproxy chooses by which layers there are
        self._initial: list[bytes] = []
        self._received: list[bytes] = []

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        """Take a datagram of the client; nobody else sends any yet."""
        if isinstance(event, DataReceived) and event.connection is self.context.client:
            yield from self._take(event.data)

    def _take(self, datagram: bytes) -> CommandGenerator[None]:
        try:
            header = pull_quic_header(Buffer(data=datagram), 0)
            if not self._received and header.version not in VERSIONS:
                yield self._negotiate(header)
                return
            hello = self._read(datagram, header)
        except _UNREADABLE:
            yield CloseConnection(self.context.client)
            return
        if hello:
            data = ClientHelloData(self.context, hello)
            yield TlsClienthelloHook(data)
            is_ignored = data.ignore_connection
            yield from self._leave_to(UDPLayer(self.context, ignore=True) if is_ignored else Beyond(self.context))

    def _negotiate(self, header: QuicHeader) -> SendData:
        """Ask for a version that can be read (RFC 9000 section 6.1)."""
        answer = encode_quic_version_negotiation(header.destination_cid, header.source_cid, VERSIONS)
        return SendData(self.context.client, answer)

    def _read(self, datagram: bytes, header: QuicHeader) -> ClientHello | None:
        """Return the ClientHello once it is whole; ValueError where it takes too long."""
        self._received.append(datagram)
        if len(self._received) > MAX_DATAGRAMS:
            raise ValueError
        if header.packet_type is QuicPacketType.INITIAL:
            self._initial.append(datagram)
        return quic_parse_client_hello_from_datagrams(self._initial) if self._initial else None

    def _leave_to(self, layer: Layer) -> CommandGenerator[None]:
        yield from layer.handle_event(Start())
        for datagram in self._received:
            yield from layer.handle_event(DataReceived(self.context.client, datagram))
        self._handle_event = layer.handle_event  # type: ignore[method-assign]
