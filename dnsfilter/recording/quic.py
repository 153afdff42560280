"""The ClientHello in the first packets of a QUIC connection, whose keys everybody on the path can derive.

RFC 9000 sections 17.2 and 19, RFC 9001 section 5, RFC 9369. What does not decrypt is somebody else's packet and says
nothing; raises WireError only for a malformed ClientHello.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from dnsfilter.errors import WireError
from dnsfilter.recording.hello import MAX_HELLO, read_server_names

_LONG_HEADER = 0xC0
_MAX_CONNECTION_ID = 20
_SAMPLE = 16
_MESSAGE_HEADER = 4
_PADDING, _PING, _ACK, _ACK_ECN, _CRYPTO = 0, 1, 2, 3, 6


class _Version(NamedTuple):
    initial: int
    salt: bytes
    labels: tuple[bytes, bytes, bytes]


_VERSIONS = {
    b"\0\0\0\1": _Version(
        0, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), (b"quic key", b"quic iv", b"quic hp")
    ),
    b"\x6b\x33\x43\xcf": _Version(
        1, bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"), (b"quicv2 key", b"quicv2 iv", b"quicv2 hp")
    ),
}


class _Keys(NamedTuple):
    """What protects the client's first packets."""

    payload: AESGCM
    nonce: int
    header: bytes


class _Packet(NamedTuple):
    """A protected Initial packet: the octets up to its end, its connection id, where its packet number stands."""

    data: bytes
    version: _Version
    connection_id: bytes
    number_offset: int


def may_be_initial(datagram: bytes) -> bool:
    """Whether a datagram begins like a QUIC connection of a version that we know."""
    return len(datagram) > _SAMPLE and datagram[0] & _LONG_HEADER == _LONG_HEADER and datagram[1:5] in _VERSIONS


class Initials:
    """One direction of a QUIC connection: of interest until its ClientHello is read."""

    def __init__(self) -> None:
        self._keys: _Keys | None = None
        self._pieces: dict[int, bytes] = {}
        self._is_done = False

    @property
    def is_known(self) -> bool:
        """Whether anything was decrypted, so that this is a client's direction."""
        return self._keys is not None

    def feed(self, datagram: bytes) -> list[str]:
        """Return the server names, once, when the ClientHello is complete."""
        if not self._is_done:
            for packet in _cut(datagram):
                self._take(packet)
            message = self._join()
            length = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER])
            if _MESSAGE_HEADER <= length <= len(message):
                self._is_done = True
                return read_server_names(message[_MESSAGE_HEADER:length])
        return []

    def _take(self, packet: _Packet) -> None:
        keys = self._keys or _derive(packet.version, packet.connection_id)
        payload = _decrypt(packet, keys)
        if payload is not None:
            self._keys = keys
            self._pieces.update(_read_frames(payload))

    def _join(self) -> bytes:
        message = b""
        for offset, piece in sorted(self._pieces.items()):
            if offset > len(message) or len(message) > MAX_HELLO:
                break
            message += piece[len(message) - offset :]
        return message


def _cut(datagram: bytes) -> Iterator[_Packet]:
    """Yield the Initial packets of a datagram, which may hold others too (RFC 9000 section 12.2)."""
    while may_be_initial(datagram):
        try:
            version, offset = _VERSIONS[datagram[1:5]], 5
            identifiers = []
            for _ in range(2):
                size = datagram[offset]
                identifiers.append(datagram[offset + 1 : offset + 1 + size])
                offset += 1 + size
            is_initial = datagram[0] >> 4 & 3 == version.initial
            if is_initial:
                size, offset = _read_number(datagram, offset)
                offset += size
            length, offset = _read_number(datagram, offset)
        except (IndexError, WireError):
            return
        if is_initial and len(identifiers[0]) <= _MAX_CONNECTION_ID and offset + length <= len(datagram):
            yield _Packet(datagram[: offset + length], version, identifiers[0], offset)
        datagram = datagram[offset + length :]


def _derive(version: _Version, connection_id: bytes) -> _Keys:
    initial = hmac.digest(version.salt, connection_id, hashlib.sha256)
    secret = _expand(initial, b"client in", 32)
    key, nonce, header = (
        _expand(secret, label, size) for label, size in zip(version.labels, (16, 12, 16), strict=True)
    )
    return _Keys(AESGCM(key), int.from_bytes(nonce), header)


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    """Expand a secret as HKDF-Expand-Label does for up to one hash (RFC 8446 section 7.1)."""
    full = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(full)]) + full + b"\0"
    return hmac.digest(secret, info + b"\1", hashlib.sha256)[:length]


def _decrypt(packet: _Packet, keys: _Keys) -> bytes | None:
    """Return the frames of a packet, None where the keys are not its (RFC 9001 sections 5.3 and 5.4)."""
    data, offset = packet.data, packet.number_offset
    sample = data[offset + 4 : offset + 4 + _SAMPLE]
    if len(sample) < _SAMPLE:
        return None
    mask = Cipher(AES(keys.header), ECB()).encryptor().update(sample)  # noqa: S305 - one block, as the RFC has it
    first = data[0] ^ mask[0] & 0x0F
    size = (first & 3) + 1
    number = bytes(each ^ hidden for each, hidden in zip(data[offset : offset + size], mask[1:], strict=False))
    header = bytes([first]) + data[1:offset] + number
    nonce = (keys.nonce ^ int.from_bytes(number)).to_bytes(12)
    try:
        return keys.payload.decrypt(nonce, data[offset + size :], header)
    except InvalidTag:
        return None


def _read_frames(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield offset and octets of CRYPTO frames, up to a frame that a first packet does not have."""
    offset = 0
    try:
        while offset < len(payload):
            kind, offset = payload[offset], offset + 1
            if kind == _CRYPTO:
                at, offset = _read_number(payload, offset)
                size, offset = _read_number(payload, offset)
                yield at, payload[offset : offset + size]
                offset += size
            elif kind in (_ACK, _ACK_ECN):
                offset = _skip_ack(payload, offset, 3 if kind == _ACK_ECN else 0)
            elif kind not in (_PADDING, _PING):
                return
    except WireError:
        return


def _skip_ack(payload: bytes, offset: int, counts: int) -> int:
    for _ in range(2):  # largest, delay
        _, offset = _read_number(payload, offset)
    ranges, offset = _read_number(payload, offset)
    for _ in range(min(1 + 2 * ranges + counts, len(payload))):
        _, offset = _read_number(payload, offset)
    return offset


def _read_number(data: bytes, offset: int) -> tuple[int, int]:
    """Return a variable-length integer and where it ends (RFC 9000 section 16)."""
    if offset >= len(data):
        raise WireError("a QUIC packet ends inside a number")
    size = 1 << (data[offset] >> 6)
    octets = data[offset : offset + size]
    if len(octets) < size:
        raise WireError("a QUIC packet ends inside a number")
    return int.from_bytes(octets) & (1 << 8 * size - 2) - 1, offset + size
