"""Where connections wait until it is known who asks: load balancers say so first (PROXY protocol, before any TLS).

A header from anybody else, and a connection of a load balancer without one, is refused and counted.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from time import monotonic
from typing import cast

from dnsfilter.errors import WireError
from dnsfilter.model import Ending
from dnsfilter.server.tcp import TcpServer
from dnsfilter.values import Network
from dnsfilter.wire.proxy_protocol import SIGNATURE, read_header


class Vestibule(asyncio.Protocol):
    """One connection whose first octets have not come; it has a place like any other."""

    is_busy = False

    def __init__(self, server: TcpServer, trusted: Sequence[Network]) -> None:
        self._server = server
        self._trusted = trusted
        self._is_trusted = False
        self._data = b""
        self.address = b""
        self.active = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look who connects."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if not peer:  # gone before we looked
            self._transport.abort()
            return
        address = ip_address(peer[0].partition("%")[0])
        self.address = address.packed
        self._is_trusted = any(address in network for network in self._trusted)
        if not self._server.places.take(self, monotonic()):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Let the connection in once it is known whose it is."""
        self._data = data = self._data + data
        if self._is_trusted:
            self._read_header(data)
        elif data.startswith(SIGNATURE):
            self._server.places.end(self, Ending.PROXY)
        elif not SIGNATURE.startswith(data):
            self._enter(b"", data)

    def connection_lost(self, _error: Exception | None) -> None:
        """Give up the place."""
        self._server.places.leave(self)

    def close(self) -> None:
        """Close at once."""
        self._server.places.leave(self)
        self._transport.abort()

    def finish(self) -> None:
        """Close: nothing was asked yet."""
        self.close()

    def _read_header(self, data: bytes) -> None:
        try:
            header = read_header(data)
        except WireError:
            self._server.places.end(self, Ending.PROXY)
            return
        if header:
            client, size = header
            self._enter(client, data[size:], self._server.resolver.seats.read_stated(data[:size]))

    def _enter(self, client: bytes, data: bytes, stated: str = "") -> None:
        """Make it a connection of this client, its peer where none is named."""
        self._server.places.leave(self)
        connection = self._server.make_connection(client, stated)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        if data and not self._transport.is_closing():
            connection.data_received(data)
