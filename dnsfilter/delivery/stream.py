"""Sends events to a syslog server over TCP or, as RFC 5425 says, inside TLS; the connection stays.

Syslog acknowledges nothing: what was handed to a connection that then breaks may be lost. A connection that the server
has closed is noticed before anything is written to it.
"""

import asyncio
import contextlib
import os
import socket

from dnsfilter import __version__
from dnsfilter.delivery.files import load_trust
from dnsfilter.delivery.threads import call
from dnsfilter.outgoing.ecs import severity_of, write_line
from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.outgoing.syslog import frame
from dnsfilter.settings.notification import EventTarget

TIMEOUT = 20.0

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Syslog:
    """One syslog server."""

    def __init__(self, target: EventTarget, ca: str | None) -> None:
        self._target = target
        self._ca = ca
        self._streams: _Streams | None = None

    async def deliver(self, message: Message) -> Result:
        """Write one frame."""
        try:
            async with asyncio.timeout(TIMEOUT):
                _, writer = await self._connect()
                writer.write(_to_frame(message))
                await writer.drain()
        except (OSError, ValueError) as error:
            await self.close()
            return Result(Fate.BLOCKED, getattr(error, "strerror", None) or str(error) or type(error).__name__)
        return Result(Fate.DELIVERED)

    async def close(self) -> None:
        """Close the connection."""
        streams, self._streams = self._streams, None
        if streams:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()

    async def _connect(self) -> _Streams:
        if self._streams and (self._streams[0].at_eof() or self._streams[1].is_closing()):
            await self.close()
        if self._streams is None:
            context = await call(lambda: load_trust(self._ca)) if self._target.scheme == "tls" else None
            self._streams = await asyncio.open_connection(self._target.host, self._target.port, ssl=context)
        return self._streams


def _to_frame(message: Message) -> bytes:
    event, host = message.event, socket.gethostname()
    line = write_line(event, host, __version__)
    severity = severity_of(event.kind)
    return frame(line, severity=severity, time=event.time, host=host, process=os.getpid(), kind=event.kind.value)
