"""Turns refused ClientHellos away at the sinkhole, before mitmproxy makes anything of their connections.

Only where the first octets are a whole ClientHello that is refused without a page. Whatever else comes is mitmproxy's
from its first octet on, and is decided there by the same hooks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.tls import ClientHello, ClientHelloData

FIRST_SECONDS = 10.0
"""How long the first octets are waited for; mitmproxy's own patience is for who comes later."""

_READ_SIZE = 65_535
_HANDSHAKE = b"\x16\x03"

TurnAway = Callable[[ClientHelloData], bool]
Handle = Callable[[Any, Any], Awaitable[None]]


class Reread:
    """A reader that gives once more what was read before; as much of its interface as mitmproxy uses."""

    def __init__(self, reader: asyncio.StreamReader, data: bytes) -> None:
        self._reader = reader
        self._data = data

    async def read(self, size: int = -1) -> bytes:
        """Return what comes next, at most so many octets."""
        if not self._data:
            return await self._reader.read(size)
        data, self._data = (self._data, b"") if size < 0 else (self._data[:size], self._data[size:])
        return data


class Doorkeeper:
    """Stands between the sockets of one reverse mode and mitmproxy."""

    def __init__(self, mode: ReverseMode, turn_away: TurnAway, handle: Handle) -> None:
        self._mode = mode
        self._turn_away = turn_away
        self._handle = handle

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Refuse a new connection, or hand it over."""
        try:
            async with asyncio.timeout(FIRST_SECONDS):
                data = await reader.read(_READ_SIZE)
        except TimeoutError:
            data = b""
        except OSError:
            writer.close()
            return
        hello = _read_hello(data)
        if hello and self._refuses(hello, writer):
            writer.close()
        else:
            await self._handle(Reread(reader, data), writer)

    def _refuses(self, hello: ClientHello, writer: asyncio.StreamWriter) -> bool:
        peer, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        if peer is None:
            return False
        client = Client(peername=peer, sockname=own, proxy_mode=self._mode, state=ConnectionState.OPEN)
        context = Context(client, ctx.options)
        context.server = Server(address=self._mode.address)
        try:
            return self._turn_away(ClientHelloData(context, hello))
        except Exception:  # noqa: BLE001 - mitmproxy's own way ends at the border that closes what fails
            return False


def _read_hello(data: bytes) -> ClientHello | None:
    if not data.startswith(_HANDSHAKE):
        return None
    try:
        return parse_client_hello(data)
    except ValueError:
        return None
