"""How long a client may say nothing."""

import asyncio

import pytest
from mitmproxy.connection import Client
from mitmproxy.proxy.server import UDP_TIMEOUT, ConnectionIO, TimeoutWatchdog

from dnsfilter.model import Client as Known
from proxy_addons.connections import ClientConnection
from proxy_addons.patience import PASSED_SECONDS, SILENT_SECONDS, close_left_open, end_silent, prolong
from tests.fakes.mitmproxy import addon_context, proxy_client

NOW = 1_000_000.0


class Proxyserver:
    """Stands for mitmproxy's addon that knows the handlers of all connections."""

    def __init__(self) -> None:
        self.connections: dict[str, Handler] = {}


class Handler:
    """One of them; as much of its interface as is used."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.is_ended = False
        self.transports: dict[Client, ConnectionIO] = {}
        self.timeout_watchdog = TimeoutWatchdog(UDP_TIMEOUT, self.on_timeout)

    async def on_timeout(self) -> None:
        """End the connection."""
        self.is_ended = True


@pytest.mark.parametrize(
    ("age", "transport", "is_counted", "expected"),
    [
        (SILENT_SECONDS + 1, "tcp", False, True),
        (SILENT_SECONDS - 1, "tcp", False, False),
        (SILENT_SECONDS + 1, "tcp", True, False),
        (SILENT_SECONDS + 1, "udp", False, False),
    ],
)
def test_ends_who_says_nothing(age: float, transport: str, *, is_counted: bool, expected: bool) -> None:
    """A connection over TCP about which nothing was decided for a minute is ended, no other."""
    server, client = Proxyserver(), proxy_client(transport=transport)
    client.timestamp_start = NOW - age
    handler = server.connections[client.id] = Handler(client)
    known = ClientConnection("127.0.0.1", Known(), is_counted=is_counted)
    with addon_context(server):
        asyncio.run(end_silent({client.id: known, "gone": ClientConnection("127.0.0.2", Known())}, NOW))
    assert handler.is_ended is expected


@pytest.mark.parametrize(("transport", "expected"), [("udp", PASSED_SECONDS), ("tcp", UDP_TIMEOUT)])
def test_datagrams_that_pass_may_pause(transport: str, expected: int) -> None:
    """Who says nothing for mitmproxy's 20 seconds finds a flow that passes as it was; TCP has its own time."""
    server, client = Proxyserver(), proxy_client(transport=transport)
    handler = server.connections[client.id] = Handler(client)
    with addon_context(server):
        prolong(client)
        prolong(proxy_client(transport=transport))
    assert handler.timeout_watchdog.timeout == expected


def test_who_has_gone_leaves_no_open_socket() -> None:
    """What mitmproxy left open of a client that has gone is closed; a client it never took has nothing to close."""

    async def run() -> bool:
        listening = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        async with listening:
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            server, client = Proxyserver(), proxy_client()
            handler = server.connections[client.id] = Handler(client)
            handler.transports[client] = ConnectionIO(reader=reader, writer=writer)
            with addon_context(server):
                close_left_open(proxy_client())
                assert not writer.is_closing()
                close_left_open(client)
            return writer.is_closing()

    assert asyncio.run(run())
