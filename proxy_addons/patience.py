"""Ends connections of clients that never say where they are to go; mitmproxy lets one octet every ten minutes do."""

from collections.abc import Mapping

from mitmproxy import ctx
from mitmproxy.connection import Client

from proxy_addons.connections import ClientConnection

SILENT_SECONDS = 60.0
"""How long a client may take from its first octet, or a CONNECT, to a ClientHello or a whole head."""


async def end_silent(connections: Mapping[str, ClientConnection], now: float) -> None:
    """End every connection on which nothing could be decided for too long."""
    handlers = ctx.master.addons.get("proxyserver").connections  # type: ignore[no-untyped-call]
    for identity, known in list(connections.items()):
        handler = None if known.is_counted else handlers.get(identity)
        if handler and handler.client.transport_protocol == "tcp" and _age(handler.client, now) > SILENT_SECONDS:
            await handler.on_timeout()


def _age(client: Client, now: float) -> float:
    return now - client.timestamp_start if client.timestamp_start else 0.0
