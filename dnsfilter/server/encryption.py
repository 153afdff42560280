"""TLS around one connection: the protocol of a plain transport, and the transport of what is spoken inside.

Moves octets between the memory buffers of `ssl` and both sides, a record at a time and without an exception where there
is nothing to read, which is what makes it cheaper than the TLS of event loops. Knows no DNS.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Any, Protocol, cast

from dnsfilter.server.precedence import Precedence

HANDSHAKE_SECONDS = 5.0

RECORD_SIZE = 16_384
"""How many octets one TLS record carries at most (RFC 8446 section 5.1): a read of so many takes it whole."""

_HANDSHAKE = 22
_HEADER_SIZE = 5


def is_whole_record(data: bytes) -> bool:
    """Whether the first octets of a connection are a whole record (RFC 8446 section 5.1), or what is no handshake."""
    size = len(data)
    return bool(data) and (
        data[0] != _HANDSHAKE or (size >= _HEADER_SIZE and size - _HEADER_SIZE >= int.from_bytes(data[3:_HEADER_SIZE]))
    )


class Inside(Protocol):
    """The protocol of what is spoken inside; `active` is 0 until it has a place."""

    active: float

    def take_place(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, or end at once where there is none."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the handshake is over."""

    def data_received(self, data: bytes) -> None:
        """Take octets."""

    def pause_writing(self) -> None:
        """Write no more, for the peer does not read."""

    def resume_writing(self) -> None:
        """Go on writing."""

    def connection_lost(self, error: Exception | None, /) -> None:
        """End."""


class Encryption:
    """TLS of a server around `inside`, which has its place from before the handshake.

    A protocol and a transport of asyncio by what it does: a compiled class cannot inherit from classes with slots.
    """

    __deletable__ = ("_inside",)

    def __init__(self, inside: Inside, context: ssl.SSLContext, precedence: Precedence) -> None:
        self._inside = inside
        self._precedence = precedence
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake, a while."""
        self._transport = cast("asyncio.Transport", transport)
        self._inside.take_place(transport)
        if self._inside.active:
            self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Shake hands, then hand on what the records carry."""
        self._precedence.give()
        self._incoming.write(data)
        try:
            if self._is_open or self._shake_hands():
                self._read()
        except ssl.SSLError:
            self._flush()  # the alert that says what was wrong
            self._transport.close()
            return
        self._flush()

    def eof_received(self) -> bool:
        """Let the connection end: who wants to hear the rest says inside TLS that nothing more will come."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the inside, whether the handshake was over or not."""
        if self._timer:
            self._timer.cancel()
        self._inside.connection_lost(error)
        del self._inside  # each knows the other, and no garbage collector looks for such pairs in a worker

    def pause_writing(self) -> None:
        """Tell the inside that the peer does not read."""
        self._inside.pause_writing()

    def resume_writing(self) -> None:
        """Tell the inside that the peer has read."""
        self._inside.resume_writing()

    def write(self, data: Any) -> None:  # noqa: ANN401 - whatever a transport takes
        """Send octets, in as few records as possible."""
        done = self._tls.write(data)
        while done < len(data):
            done += self._tls.write(data[done:])
        self._flush()

    def close(self) -> None:
        """Say that nothing more will come, and close when all is sent (RFC 8446 section 6.1)."""
        if self._is_open and not self.is_closing():
            with suppress(ssl.SSLError):  # the peer has not said the same yet, and need not
                self._tls.unwrap()
            self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Take nothing from the peer."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the peer again."""
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Return how many octets the peer has not taken yet."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - whatever a transport tells
        """Tell of TLS, and of the connection below it."""
        return self._tls if name == "ssl_object" else self._transport.get_extra_info(name, default)

    def _shake_hands(self) -> bool:
        """Go on with the handshake; whether it is over."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self._is_open = True
        if self._timer:
            self._timer.cancel()
        self._flush()
        self._inside.connection_made(cast("asyncio.Transport", self))
        return True

    def _read(self) -> None:
        incoming, tls = self._incoming, self._tls
        records = []
        with suppress(ssl.SSLWantReadError):  # the rest of a record is still to come
            while incoming.pending:
                record = tls.read(RECORD_SIZE)
                if not record:  # the peer said that nothing more will come
                    self._transport.close()
                    break
                records.append(record)
        if records:
            self._inside.data_received(records[0] if len(records) == 1 else b"".join(records))

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())
