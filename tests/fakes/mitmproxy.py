"""mitmproxy's own connection objects, in the state in which hooks get them."""

from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context


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
