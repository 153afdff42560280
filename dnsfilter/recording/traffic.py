"""From packets to lookups: DNS queries over UDP and TCP, and the server names of TLS and QUIC connections.

Who asks is the source address. Malformed messages are problems, and the rest goes on. Bounded: of many connections at
once the one that began first is forgotten.
"""

from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from dnsfilter.errors import Problem, WireError
from dnsfilter.model import Channel
from dnsfilter.recording.capture import Packet
from dnsfilter.recording.hello import MAX_HELLO, may_be_hello, read_hello
from dnsfilter.recording.lookup import Lookup, Lookups
from dnsfilter.recording.packet import UDP, Segment, read_segment
from dnsfilter.recording.question import read_question
from dnsfilter.recording.quic import Initials, may_be_initial
from dnsfilter.recording.streams import Stream
from dnsfilter.recording.table import parse_target
from dnsfilter.wire.framing import Deframer

MAX_CONNECTIONS = 20_000

_Found = Iterator[tuple[str, Channel] | WireError]
_Key = tuple[str, int, str, int]


class _Questions:
    """One direction of a TCP connection to a DNS server."""

    def __init__(self) -> None:
        self._deframer = Deframer()

    def feed(self, data: bytes) -> _Found:
        for message in self._deframer.feed(data):
            yield from _read_query(message)


class _Hello:
    """One direction of any other TCP connection: of interest until its ClientHello is read."""

    def __init__(self) -> None:
        self._buffer = b""
        self._is_done = False

    def feed(self, data: bytes) -> _Found:
        if self._is_done:
            return
        self._buffer += data
        self._is_done = not may_be_hello(self._buffer) or len(self._buffer) > MAX_HELLO
        if not self._is_done:
            yield from self._read()
        if self._is_done:
            self._buffer = b""

    def _read(self) -> _Found:
        try:
            names = read_hello(self._buffer)
        except WireError as error:
            self._is_done = True
            yield error
            return
        self._is_done = names is not None
        for name in names or ():
            yield _read_host(name, Channel.SNI)


class Traffic:
    """Reads the packets of one capture; `ports` are those that DNS servers listen on."""

    def __init__(self, file: str, ports: Collection[int]) -> None:
        self._file = file
        self._ports = ports
        self._connections: dict[_Key, tuple[Stream, _Questions | _Hello]] = {}
        self._quic: dict[_Key, Initials] = {}

    def read(self, packets: Iterable[Packet | Problem]) -> Lookups:
        """Yield what the packets look up."""
        for packet in packets:
            if isinstance(packet, Problem):
                yield packet
                continue
            segment = read_segment(packet.link, packet.data)
            if segment is None:
                continue
            for found in self._read(segment):
                if isinstance(found, WireError):
                    yield Problem(str(found), self._file, key=f"packet {packet.number}")
                else:
                    yield Lookup(packet.time, segment.source, *found)

    def _read(self, segment: Segment) -> _Found:
        if segment.protocol == UDP:
            return self._read_datagram(segment)
        return self._read_stream(segment)

    def _read_datagram(self, segment: Segment) -> _Found:
        if segment.target_port in self._ports and not ip_address(segment.target).is_multicast:
            yield from _read_query(segment.payload)
        elif may_be_initial(segment.payload):
            yield from self._read_initial(segment)

    def _read_initial(self, segment: Segment) -> _Found:
        key = _key(segment)
        initials = self._quic.get(key) or Initials()
        try:
            names = initials.feed(segment.payload)
        except WireError as error:
            yield error
            return
        if initials.is_known and key not in self._quic:
            _make_room(self._quic)
            self._quic[key] = initials
        for name in names:
            yield _read_host(name, Channel.QUIC)

    def _read_stream(self, segment: Segment) -> _Found:
        key = _key(segment)
        if segment.is_start or key not in self._connections:
            if not segment.payload and not segment.is_start:
                return
            self._connections.pop(key, None)
            _make_room(self._connections)
            reader = _Questions() if segment.target_port in self._ports else _Hello()
            self._connections[key] = Stream(segment.sequence), reader
        stream, reader = self._connections[key]
        yield from reader.feed(stream.take(segment.sequence, segment.payload))


def _key(segment: Segment) -> _Key:
    return segment.source, segment.source_port, segment.target, segment.target_port


def _make_room(connections: dict[_Key, Any]) -> None:
    while len(connections) >= MAX_CONNECTIONS:
        del connections[next(iter(connections))]


def _read_query(message: bytes) -> _Found:
    try:
        name = read_question(message)
    except WireError as error:
        yield error
        return
    if name:
        yield name, Channel.DNS


def _read_host(text: str, channel: Channel) -> tuple[str, Channel] | WireError:
    try:
        return parse_target(text, channel)
    except ValueError as error:
        return WireError(f"server name: {error}")
