"""The ClientHellos in the Initial packets of QUIC, as any server might read them. Decides nothing, keeps no datagram.

One flow of datagrams may begin several connections, each with an ID of the client's choice from which everybody on the
path derives the keys (RFC 9001 section 5.2). What cannot be read ends in ValueError: nobody may take it for harmless.
"""

from collections.abc import Iterator

from aioquic.buffer import Buffer  # type: ignore[attr-defined]
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.crypto import CryptoError, CryptoPair  # type: ignore[attr-defined]
from aioquic.quic.packet import QuicFrameType, QuicHeader, QuicPacketType, pull_ack_frame, pull_quic_header
from mitmproxy.tls import ClientHello

MIN_DATAGRAM = 1200
"""The shortest datagram with an Initial packet; a server discards shorter ones (RFC 9000 section 14.1)."""

MAX_HELLO = 16_384
"""How far a client's handshake may go in Initial packets; the ClientHellos of browsers have some 2,000 octets."""

MAX_CONNECTIONS = 8
"""How many connections one flow may begin; a Retry begins another one (RFC 9000 section 17.2.5)."""

VERSIONS = QuicConfiguration(is_client=False).supported_versions
"""Those whose Initial packets can be read."""

LONG_HEADER = 0x80

_CLIENT_HELLO = 1
_MESSAGE_HEADER = 4
_SILENT = frozenset({QuicFrameType.PADDING, QuicFrameType.PING})
_ACKS = frozenset({QuicFrameType.ACK, QuicFrameType.ACK_ECN})


class Initials:
    """What a client has said in the Initial packets of a flow."""

    def __init__(self) -> None:
        self._handshakes: dict[bytes, _Handshake] = {}

    def read(self, datagram: bytes) -> frozenset[bytes]:
        """Return the IDs of the connections whose ClientHello this needs; ValueError where a server may read more.

        Early data needs one only before there is any: later it may go by an ID of the server (RFC 9001 section 4.6).
        """
        needed, rest = set(), datagram
        while rest and rest[0] & LONG_HEADER:
            buffer = Buffer(data=rest)
            header = pull_quic_header(buffer)
            if header.version not in VERSIONS:
                raise ValueError("a version that is not read")
            if header.packet_type is QuicPacketType.INITIAL:
                if len(datagram) < MIN_DATAGRAM:
                    raise ValueError("an Initial packet in a short datagram")
                needed.add(self._open(rest[: header.packet_length], header, buffer.tell()))
            elif header.packet_type is QuicPacketType.ZERO_RTT and not any(map(self.has_passed, self._handshakes)):
                needed.add(header.destination_cid)
            rest = rest[header.packet_length :]
        return frozenset(needed)

    def take_hellos(self) -> Iterator[ClientHello]:
        """Yield every ClientHello that has become whole, once; who asks for the next has let it pass."""
        for handshake in self._handshakes.values():
            yield from handshake.take_hellos()

    def has_passed(self, identity: bytes) -> bool:
        """Whether every octet of the connection belongs to a ClientHello that passed."""
        return identity in self._handshakes and self._handshakes[identity].has_passed

    def _open(self, packet: bytes, header: QuicHeader, offset: int) -> bytes:
        """Return by whose ID a packet is protected: its own, or after the server's answer the one of before."""
        assert header.version is not None
        for identity in dict.fromkeys((header.destination_cid, *self._handshakes)):
            handshake = self._handshakes.get(identity) or _Handshake()
            if handshake.take(packet, identity, header.version, offset):
                if identity not in self._handshakes and len(self._handshakes) == MAX_CONNECTIONS:
                    raise ValueError("too many connections")
                self._handshakes[identity] = handshake
                return identity
        raise ValueError("an Initial packet that nobody can read")


class _Handshake:
    """The octets of one connection's handshake, none of which may come again as another."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._is_there = bytearray()
        self._whole: list[tuple[ClientHello, int]] = []
        self._read = self._passed = 0
        self._next_number = 0

    @property
    def has_passed(self) -> bool:
        return 0 < self._passed == len(self._octets)

    def take(self, packet: bytes, identity: bytes, version: int, offset: int) -> bool:
        """Take what a packet carries; return whether its keys are those of the ID."""
        pair = CryptoPair()
        pair.setup_initial(cid=identity, is_client=False, version=version)
        try:
            _, payload, number = pair.decrypt_packet(packet, offset, self._next_number)
        except CryptoError:
            return False
        self._next_number = max(self._next_number, number + 1)
        for start, octets in read_frames(payload):
            self._add(start, octets)
        while message := self._cut():
            try:
                hello = ClientHello(message[_MESSAGE_HEADER:])
            except EOFError as error:
                raise ValueError("no ClientHello") from error
            self._read += len(message)
            self._whole.append((hello, self._read))
        return True

    def take_hellos(self) -> Iterator[ClientHello]:
        while self._whole:
            hello, end = self._whole.pop(0)
            yield hello
            self._passed = end

    def _cut(self) -> bytes:
        """Return the next message if it is whole; ValueError where it is no ClientHello."""
        end = self._is_there.find(0)
        data = bytes(self._octets[self._read : end if end >= 0 else None])
        if data and data[0] != _CLIENT_HELLO:
            raise ValueError("not a ClientHello")
        length = _MESSAGE_HEADER + int.from_bytes(data[1:_MESSAGE_HEADER])
        return data[:length] if _MESSAGE_HEADER <= length <= len(data) else b""

    def _add(self, start: int, octets: bytes) -> None:
        end = start + len(octets)
        if end > MAX_HELLO:
            raise ValueError("a handshake without end")
        missing = bytes(max(end - len(self._octets), 0))
        self._octets += missing
        self._is_there += missing
        before = zip(self._is_there[start:end], self._octets[start:end], octets, strict=True)
        if any(is_there and old != new for is_there, old, new in before):
            raise ValueError("an octet that was another before")
        self._octets[start:end] = octets
        self._is_there[start:end] = b"\1" * len(octets)


def read_frames(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield offset and octets of CRYPTO frames; ValueError at a frame that Initial packets do not have.

    RFC 9000 sections 12.4 and 19.
    """
    buffer = Buffer(data=payload)
    while not buffer.eof():
        kind = buffer.pull_uint_var()
        if kind == QuicFrameType.CRYPTO:
            start = buffer.pull_uint_var()
            yield start, buffer.pull_bytes(buffer.pull_uint_var())
        elif kind in _ACKS:
            pull_ack_frame(buffer)
            for _ in range(3 if kind == QuicFrameType.ACK_ECN else 0):
                buffer.pull_uint_var()
        elif kind == QuicFrameType.TRANSPORT_CLOSE:
            buffer.pull_uint_var()
            buffer.pull_uint_var()
            buffer.pull_bytes(buffer.pull_uint_var())
        elif kind not in _SILENT:
            raise ValueError("a frame that has no place here")
