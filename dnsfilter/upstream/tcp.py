"""Asking an upstream over TCP: where a datagram was too small, or cannot be trusted.

Answers of a forwarder's own questions share one connection that stays (RFC 7766 section 6.2.1), so that however many
queries leave UDP at once, there is one connection more. What is asked once in a while has one for itself.
"""

import asyncio
import secrets
from collections.abc import Callable

from dnsfilter.upstream.framed import FramedConnection
from dnsfilter.upstream.stream import Connection, StreamUpstream
from dnsfilter.upstream.transport import Asked
from dnsfilter.values import Endpoint
from dnsfilter.wire.framing import LENGTH, frame
from dnsfilter.wire.letters import answers_but_for_case
from dnsfilter.wire.upstream_query import Opts, build_packet

TIMEOUT = 2.0


async def connect_tcp(upstream: StreamUpstream, endpoint: Endpoint, find_opts: Callable[[], Opts]) -> Connection:
    """Return a connection that stands; `find_opts` returns the OPT records that queries get."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: TcpConnection(upstream, find_opts), endpoint.host, endpoint.port
    )
    return connection


class TcpConnection(FramedConnection):
    """One connection in the clear; queries carry the same cookie as over UDP (RFC 7873 section 5.4)."""

    def __init__(self, upstream: StreamUpstream, find_opts: Callable[[], Opts]) -> None:
        super().__init__(upstream)
        self._find_opts = find_opts

    def build(self, identifier: bytes, asked: Asked) -> bytes:
        """Return the message that asks."""
        return identifier + build_packet(asked.query, asked.question, self._find_opts())


async def exchange(endpoint: Endpoint, packet: bytes, question: bytes) -> bytes | None:
    """Return the response to the query behind its ID, None where none that matches comes in time."""
    identifier = secrets.token_bytes(2)
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            try:
                writer.write(frame(identifier + packet))
                length = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
                message = await reader.readexactly(length)
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return None
    return message if message[:2] == identifier and answers_but_for_case(message, question) else None
