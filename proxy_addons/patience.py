"""How long mitmproxy waits: less for clients that never say where they are to go, longer for QUIC that passes.

mitmproxy lets one octet every ten minutes do over TCP, and ends a flow of datagrams after 20 seconds of silence.
"""

from collections.abc import Mapping

from mitmproxy import ctx
from mitmproxy.connection import Client

from proxy_addons.connections import ClientConnection

SILENT_SECONDS = 60.0
"""How long a client may take from its first octet, or a CONNECT, to a ClientHello or a whole head."""

PASSED_SECONDS = 120
"""How long a flow of datagrams that passes may be silent, like one through a NAT (RFC 4787 section 4.3).

mitmproxy's network stack forgets it after a minute, and should be first: what is ended here it swallows from then on.
"""


def prolong(client: Client) -> None:
    """Let a flow of datagrams live through the silence of its client."""
    if client.transport_protocol == "udp":
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)  # type: ignore[no-untyped-call]
        if handler:
            handler.timeout_watchdog.timeout = PASSED_SECONDS


async def end_silent(connections: Mapping[str, ClientConnection], now: float) -> None:
    """End every connection on which nothing could be decided for too long."""
    handlers = ctx.master.addons.get("proxyserver").connections  # type: ignore[no-untyped-call]
    for identity, known in list(connections.items()):
        handler = None if known.is_counted else handlers.get(identity)
        if handler and handler.client.transport_protocol == "tcp" and _age(handler.client, now) > SILENT_SECONDS:
            await handler.on_timeout()


def _age(client: Client, now: float) -> float:
    return now - client.timestamp_start if client.timestamp_start else 0.0


def close_left_open(client: Client) -> None:
    """Close the socket of a client that has gone, where mitmproxy did not.

    A task that is cancelled while it waits for its turn with what it has read last ends without closing anything.
    """
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)  # type: ignore[no-untyped-call]
    transport = handler.transports.get(client) if handler else None
    if transport and transport.writer:
        transport.writer.close()
