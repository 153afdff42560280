"""The channel from workers and addon to the manager: batches of journal entries over a Unix stream socket.

    length (4 octets, network order) | batch as JSON          and back, once it is taken:   one octet

The sender never makes its process wait for the manager: what cannot be delivered stays in the journal, which is
bounded. A batch whose octet was lost is sent again as it was, under its number, by which the manager knows it.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dnsfilter.journal import Batch, CounterKey, Journal
from dnsfilter.model import Channel, Grade, Role, Sighting

SOCKET_NAME = "manager.sock"
INTERVAL = 1.0
TIMEOUT = 5.0
MAX_FRAME = 4 * 1024 * 1024
SIGHTINGS_PER_FRAME = 2_000
"""Few enough that encoding them does not delay the answers of this process."""

_log = logging.getLogger(__name__)
_ROLES = {role.value: role for role in Role}
_GRADES = {grade.value: grade for grade in Grade}
_CHANNELS = {each.value: each for each in Channel}
_Said = tuple[str, str, str, Role, Grade, Channel, str, str]
"""A sighting from its app to its group."""

_LENGTH = struct.Struct("!I")
_TAKEN = b"\x06"


def encode_batch(batch: Batch) -> bytes:
    """Return a batch as one frame, without its length."""
    return json.dumps(
        {
            "source": batch.source,
            "instance": batch.instance,
            "counters": [[*key, value] for key, value in batch.counters.items()],
            "gauges": [[*key, value] for key, value in batch.gauges.items()],
            "sightings": batch.sightings,
            "clients": batch.clients,
            "names": batch.names,
            "number": batch.number,
        },
        separators=(",", ":"),
    ).encode()


def decode_batch(frame: bytes) -> Batch:
    """Return the batch of a frame; ValueError and no other error when it is none."""
    try:
        fields = json.loads(frame, parse_constant=_refuse_constant)
        return Batch(
            str(fields["source"]),
            str(fields["instance"]),
            dict(map(_decode_value, fields["counters"])),
            dict(map(_decode_value, fields["gauges"])),
            _decode_sightings(fields["sightings"]),
            tuple(map(str, fields["clients"])),
            {name: int(count) for name, count in fields["names"].items()},
            int(fields["number"]),
        )
    except (AttributeError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not a batch: {error}") from None


def _refuse_constant(text: str) -> float:
    """Take no NaN and no Infinity, which is no JSON (RFC 8259 section 6)."""
    raise ValueError(f"not a number: {text}")


def _decode_value(values: list[Any]) -> tuple[CounterKey, float]:
    *key, value = values
    if not key:
        raise ValueError("a value without a name")
    return tuple(map(str, key)), float(value)


def _decode_sightings(found: list[list[Any]]) -> tuple[Sighting, ...]:
    """Decode sightings; what many of them say beside client and time is decoded once, and shared."""
    known: dict[tuple[Any, ...], _Said] = {}
    sightings = []
    for time, client, *values, count, is_resolved in found:
        key = tuple(values)
        said = known.get(key) or known.setdefault(key, _decode_said(*values))
        sightings.append(Sighting(float(time), str(client), *said, int(count), bool(is_resolved)))
    return tuple(sightings)


def _decode_said(
    app: object, blocklist: object, rule: object, role: str, grade: str, channel: str, action: object, group: object
) -> _Said:
    seen = _ROLES[role], _GRADES[grade], _CHANNELS[channel]
    return str(app), str(blocklist), str(rule), *seen, str(action), str(group)


class Sender:
    """Drains a journal into the channel, for as long as `run` runs."""

    def __init__(self, directory: Path, journal: Journal, interval: float = INTERVAL) -> None:
        self._directory = directory
        self._journal = journal
        self._interval = interval
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        """Send what the journal collected, once an interval, until cancelled."""
        try:
            while True:
                await asyncio.sleep(self._interval)
                await self.flush()
        finally:
            self.close()

    async def flush(self) -> bool:
        """Send what is not confirmed, then what the journal holds now; whether all was taken."""
        journal = self._journal
        if journal.unconfirmed and not await self._deliver(journal.unconfirmed):
            return False
        while await self._deliver(journal.drain(SIGHTINGS_PER_FRAME)):
            if not journal.holds_sightings:
                return True
        return False

    async def _deliver(self, batch: Batch) -> bool:
        """Send a batch, which is unconfirmed until the octet comes; whether it did."""
        self._journal.unconfirmed = batch
        try:
            async with asyncio.timeout(TIMEOUT):  # wait_for can lose a cancellation that meets an error
                await self._send(encode_batch(batch))
        except (OSError, TimeoutError, EOFError):
            self.close()
            return False
        self._journal.unconfirmed = None
        return True

    def close(self) -> None:
        """Close the connection; the next flush opens another."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _send(self, frame: bytes) -> None:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(sock=_connect(self._directory))
        reader, writer = self._streams
        writer.write(_LENGTH.pack(len(frame)) + frame)
        await writer.drain()
        await reader.readexactly(1)


class Receiver:
    """The manager's end; `malformed` counts connections closed for what they sent."""

    def __init__(self, server: asyncio.Server, on_batch: Callable[[Batch], None]) -> None:
        self.malformed = 0
        self._server = server
        self._on_batch = on_batch
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take batches from one connection until it ends."""
        self._writers.add(writer)
        try:
            while True:
                self._on_batch(decode_batch(await _read_frame(reader)))
                writer.write(_TAKEN)
        except (EOFError, OSError):
            return
        except ValueError as error:
            self.malformed += 1
            _log.warning("a connection is closed for what it sent: %s", type(error).__name__)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def close(self) -> None:
        """Stop listening and close all connections."""
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0)


async def serve_channel(directory: Path, on_batch: Callable[[Batch], None]) -> Receiver:
    """Listen in the state directory and hand every batch to `on_batch`; OSError when it cannot."""
    listening = _listen(directory)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receiver.serve(reader, writer)

    server = await asyncio.start_unix_server(serve, sock=listening)
    receiver = Receiver(server, on_batch)
    return receiver


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise ValueError("a frame that is too long")
    return await reader.readexactly(length)


@contextlib.contextmanager
def _short_path(directory: Path) -> Iterator[str]:
    """Name the socket through an open directory: the address of a Unix socket has 107 octets, a path may have more."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET_NAME}"
    finally:
        os.close(opened)


def _connect(directory: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        with _short_path(directory) as path:
            connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _listen(directory: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)  # before it has a name, so that nobody else connects in between
        with _short_path(directory) as path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - a path through /proc/self/fd
            listening.bind(path)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
