"""Datagrams of clients: has each ClientHello of QUIC judged before a server hears of it. Decides nothing itself.

mitmproxy cannot take a connection that is to be ignored out of its QUIC layers again (its issue 8338, in 11 and 12
alike): who stands above keeps the method of what was replaced, and every further datagram ends in an assertion. What
passes never enters them here, and what begins later on a flow that passed is read all the same.
"""

from collections import deque

from aioquic.quic.packet import encode_quic_version_negotiation
from mitmproxy.addons.next_layer import KNOWN_QUIC_VERSIONS, TYPICAL_QUIC_PORTS
from mitmproxy.net.tls import starts_like_dtls_record
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import ConnectionClosed, DataReceived, Event, Start
from mitmproxy.proxy.layer import CommandGenerator, Layer, NextLayer
from mitmproxy.proxy.layers import UDPLayer
from mitmproxy.proxy.layers.tls import TlsClienthelloHook
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.tls import ClientHello, ClientHelloData

from dnsfilter.model import ProxyAction
from proxy_addons.connections import ClientConnection, Recorder
from proxy_addons.initials import LONG_HEADER, MIN_DATAGRAM, VERSIONS, Initials

MAX_DATAGRAMS = 6
"""How many datagrams may come before anything is decided; the ClientHellos of browsers take two."""

_KNOWN = KNOWN_QUIC_VERSIONS.union(VERSIONS)
_QUIC_SCHEMES = frozenset({"quic", "http3", "https"})
_VERSION = slice(1, 5)


class Beyond(NextLayer):
    """What comes behind the entrance is mitmproxy's to choose."""


def is_flow(choice: NextLayer) -> bool:
    """Whether this is about the datagrams of a client as they come."""
    client = choice.context.client
    return client.transport_protocol == "udp" and not client.tls and not isinstance(choice, Beyond)


class QuicEntrance(Layer):
    """Waits for whole ClientHellos, has each judged, and leaves a flow to what is to come of it."""

    def __init__(self, context: Context, known: ClientConnection, recorder: Recorder) -> None:
        super().__init__(context)
        context.layers.remove(self)  # mitmproxy chooses by which layers there are
        self._known = known
        self._recorder = recorder
        self._expects_quic = _expects_quic(context)
        self._initials = Initials()
        self._held: deque[tuple[frozenset[bytes], bytes]] = deque(maxlen=MAX_DATAGRAMS)
        self._waited = 0
        self._child: Layer | None = None

    def _handle_event(self, event: Event) -> CommandGenerator[None]:
        """Pass on what begins no connection: of all that follows a handshake, the first bit tells."""
        if not isinstance(event, DataReceived) or event.connection is not self.context.client:
            yield from self._pass_on(event)
        elif self._child and (not event.data or event.data[0] < LONG_HEADER):
            yield from self._child.handle_event(event)
        elif self._is_quic(event.data):
            yield from self._take(event.data)
        else:
            if self._child is None:
                yield from self._begin(Beyond(self.context))
            yield from self._pass_on(event)

    def _pass_on(self, event: Event) -> CommandGenerator[None]:
        if self._child:
            yield from self._child.handle_event(event)
        elif isinstance(event, ConnectionClosed):
            yield CloseConnection(self.context.client)

    def _is_quic(self, datagram: bytes) -> bool:
        """Whether mitmproxy, or a server, may take a datagram for one of QUIC."""
        if not datagram or datagram[0] < LONG_HEADER:
            return self._expects_quic and not starts_like_dtls_record(datagram)
        version = int.from_bytes(datagram[_VERSION])
        is_reserved = version & 0x0F0F0F0F == 0x0A0A0A0A  # noqa: PLR2004 - RFC 9000 section 15
        is_draft = version >> 8 == 0xFF0000  # noqa: PLR2004 - of the IETF; servers of those days may speak one yet
        return self._expects_quic or version in _KNOWN or is_reserved or is_draft

    def _take(self, datagram: bytes) -> CommandGenerator[None]:
        """Take what is, or may be, QUIC; what cannot be read is dropped, as by a server (RFC 9000 section 5.2)."""
        if self._child is None:
            self._waited += 1
        if self._waited > MAX_DATAGRAMS:
            yield from self._end()
        elif not self.context.options.http3:
            return  # as mitmproxy has it: clients come back over TCP
        elif int.from_bytes(datagram[_VERSION]) in VERSIONS:
            yield from self._judge(datagram)
        elif self._child is None:
            yield from self._negotiate(datagram)

    def _negotiate(self, datagram: bytes) -> CommandGenerator[None]:
        """Ask for a version that can be read (RFC 9000 section 6.1), by what all of them share (RFC 8999)."""
        version = int.from_bytes(datagram[_VERSION])
        if len(datagram) >= MIN_DATAGRAM and datagram[0] & LONG_HEADER and version:
            destination, source = _connection_ids(datagram)
            yield SendData(self.context.client, encode_quic_version_negotiation(destination, source, VERSIONS))

    def _judge(self, datagram: bytes) -> CommandGenerator[None]:
        """Have judged what a datagram makes whole; let go what waited for that."""
        try:
            needed = self._initials.read(datagram)
        except ValueError:
            return
        if needed or self._child:
            self._held.append((needed, datagram))
        for hello in self._initials.take_hellos():
            if not (yield from self._ask(hello)):
                return
        if self._child:
            held, self._held = list(self._held), deque(maxlen=MAX_DATAGRAMS)
            for needed, waiting in held:
                if all(map(self._initials.has_passed, needed)):
                    yield from self._child.handle_event(DataReceived(self.context.client, waiting))
                else:
                    self._held.append((needed, waiting))

    def _ask(self, hello: ClientHello) -> CommandGenerator[bool]:
        """Have a ClientHello judged; return whether it passes as it is."""
        data = ClientHelloData(self.context, hello)
        yield TlsClienthelloHook(data)
        if self._known.is_refused or (self._child and not data.ignore_connection):
            yield from self._end()  # also of what passed before; a page is for a flow of its own
        elif not data.ignore_connection:
            yield from self._leave_to(Beyond(self.context))
        elif self._child is None:
            self._expects_quic = True
            yield from self._begin(UDPLayer(self.context, ignore=True))
        return data.ignore_connection and not self._known.is_refused

    def _begin(self, layer: Layer) -> CommandGenerator[None]:
        self._child = layer
        yield from layer.handle_event(Start())

    def _leave_to(self, layer: Layer) -> CommandGenerator[None]:
        """Let mitmproxy decrypt, so that nothing reaches anybody as it came."""
        yield from self._begin(layer)
        for _, datagram in self._held:
            yield from layer.handle_event(DataReceived(self.context.client, datagram))
        self._held.clear()
        self._handle_event = layer.handle_event  # type: ignore[method-assign]

    def _end(self) -> CommandGenerator[None]:
        self._recorder.count_connection(self._known, ProxyAction.REFUSE)
        self._held.clear()
        self._handle_event = _ignore  # type: ignore[assignment, method-assign]
        yield CloseConnection(self.context.client)


def _ignore(_event: Event) -> CommandGenerator[None]:
    yield from ()


def _connection_ids(datagram: bytes) -> tuple[bytes, bytes]:
    """Return destination and source of a long header of whatever version (RFC 8999 section 5.1)."""
    identities, position = [], _VERSION.stop
    for _ in range(2):
        begin = position + 1
        position = begin + datagram[position]
        identities.append(datagram[begin:position])
    return identities[0], identities[1]


def _expects_quic(context: Context) -> bool:
    """Whether a flow is one of QUIC to mitmproxy whatever comes, but for DTLS."""
    address, mode = context.server.address, context.client.proxy_mode
    is_reverse = isinstance(mode, ReverseMode) and mode.scheme in _QUIC_SCHEMES
    return is_reverse or address is None or address[1] in TYPICAL_QUIC_PORTS
