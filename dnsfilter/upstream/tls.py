"""DNS over TLS towards an upstream (RFC 7858): queries padded, so that their length says nothing (RFC 8467)."""

from dnsfilter.upstream.framed import FramedConnection
from dnsfilter.upstream.secure import Identity, connect
from dnsfilter.upstream.stream import Connection, StreamUpstream
from dnsfilter.upstream.transport import Asked
from dnsfilter.values import Endpoint
from dnsfilter.wire.padding import QUERY_BLOCK, pad

PROTOCOL = "dot"


async def connect_tls(upstream: StreamUpstream, endpoint: Endpoint, identity: Identity) -> Connection:
    """Return a connection that stands."""
    connection = TlsConnection(upstream)
    await connect(endpoint, identity, PROTOCOL, connection)
    return connection


class TlsConnection(FramedConnection):
    """One connection inside TLS."""

    def build(self, identifier: bytes, asked: Asked) -> bytes:
        """Return the message that asks, as long as others."""
        return pad(super().build(identifier, asked), QUERY_BLOCK)
