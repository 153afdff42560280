"""mitmproxy's own connection objects, in the state in which hooks get them, and its context for addons."""

from collections.abc import Iterator
from contextlib import contextmanager

from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.test import taddons


def proxy_client(address: str = "127.0.0.1", transport: str = "tcp") -> Client:
    """Return an open connection of a client."""
    return Client(
        peername=(address, 50_000),
        sockname=("127.0.0.1", 8080),
        state=ConnectionState.OPEN,
        transport_protocol=transport,  # type: ignore[arg-type]
    )


def proxy_context(address: tuple[str, int] | None, transport: str = "tcp", client: str = "127.0.0.1") -> Context:
    """Return the context of a connection that is to go to `address`, which nobody has connected to yet."""
    context = Context(proxy_client(client, transport), Options())
    context.server = Server(address=address, transport_protocol=transport)  # type: ignore[arg-type]
    return context


@contextmanager
def addon_context(*addons: object) -> Iterator[taddons.context]:
    """Give addons mitmproxy's context as long as it is open.

    What is logged later is not passed on to the event loop of a context that has ended: mitmproxy 12 closes it.
    """
    with taddons.context(*addons) as context:
        try:
            yield context
        finally:
            context.master._legacy_log_events.uninstall()
