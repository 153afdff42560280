"""Asking an upstream over TCP, for answers that a datagram could not carry."""

import asyncio
import secrets

from dnsfilter.upstream.udp import is_response
from dnsfilter.values import Endpoint
from dnsfilter.wire.framing import LENGTH, frame

TIMEOUT = 2.0


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
    return message if message[:2] == identifier and is_response(message, question) else None
