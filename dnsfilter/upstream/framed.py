"""Messages with their length in front, on a connection that stays: what TCP and TLS towards an upstream share.

Questions go out behind random IDs, and answers are known by them, in any order (RFC 7766 section 7).
"""

import secrets
from collections.abc import Iterable

from dnsfilter.upstream.stream import Connection, StreamUpstream
from dnsfilter.upstream.transport import Asked
from dnsfilter.wire.framing import Deframer, frame

MAX_PIPELINED = 4096
"""A small part of all IDs, so that one that is free is soon found."""

_ID_SIZE = 2


class FramedConnection(Connection):
    """One connection, its answers known by their IDs."""

    def __init__(self, upstream: StreamUpstream) -> None:
        super().__init__(upstream)
        self._deframer = Deframer()

    @property
    def room(self) -> int:  # type: ignore[override] # reckoned where the base has none
        """How many more questions may be asked now."""
        return MAX_PIPELINED - len(self.asked)

    def build(self, identifier: bytes, asked: Asked) -> bytes:
        """Return the message that asks."""
        return identifier + asked.packet

    def write(self, batch: Iterable[Asked]) -> None:
        """Send questions in one go."""
        messages = []
        for asked in batch:
            identifier = secrets.token_bytes(_ID_SIZE)
            while identifier in self.asked:
                identifier = secrets.token_bytes(_ID_SIZE)
            self.asked[identifier] = asked
            messages.append(frame(self.build(identifier, asked)))
        self.transport.write(b"".join(messages))

    def data_received(self, data: bytes) -> None:
        """Hand on the answers that are complete."""
        for message in self._deframer.feed(data):
            self.take(message[:_ID_SIZE], message)
        self.upstream.on_batch_end()
