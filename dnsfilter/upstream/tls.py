"""DNS over TLS towards an upstream (RFC 7858): questions behind random IDs, padded (RFC 8467)."""

import secrets
from collections.abc import Iterable

from dnsfilter.upstream.secure import Identity, connect
from dnsfilter.upstream.stream import Connection, StreamUpstream
from dnsfilter.upstream.transport import Asked
from dnsfilter.values import Endpoint
from dnsfilter.wire.framing import Deframer, frame
from dnsfilter.wire.padding import QUERY_BLOCK, pad

PROTOCOL = "dot"
MAX_PIPELINED = 4096
"""A small part of all IDs, so that one that is free is soon found."""

_ID_SIZE = 2


async def connect_tls(upstream: StreamUpstream, endpoint: Endpoint, identity: Identity) -> Connection:
    """Return a connection that stands."""
    connection = TlsConnection(upstream)
    await connect(endpoint, identity, PROTOCOL, connection)
    return connection


class TlsConnection(Connection):
    """One connection, its answers known by their IDs."""

    def __init__(self, upstream: StreamUpstream) -> None:
        super().__init__(upstream)
        self._deframer = Deframer()

    @property
    def room(self) -> int:  # type: ignore[override] # reckoned where the base has none
        """How many more questions may be asked now."""
        return MAX_PIPELINED - len(self.asked)

    def write(self, batch: Iterable[Asked]) -> None:
        """Send questions in one go."""
        messages = []
        for asked in batch:
            identifier = secrets.token_bytes(_ID_SIZE)
            while identifier in self.asked:
                identifier = secrets.token_bytes(_ID_SIZE)
            self.asked[identifier] = asked
            messages.append(frame(pad(identifier + asked.packet, QUERY_BLOCK)))
        self.transport.write(b"".join(messages))

    def data_received(self, data: bytes) -> None:
        """Hand on the answers that are complete."""
        for message in self._deframer.feed(data):
            self.take(message[:_ID_SIZE], message)
        self.upstream.on_batch_end()
