"""QUIC Initial packets of version 1 with whatever content (RFC 9000 section 17.2.2), as a client protects them."""

import random

from aioquic.quic.crypto import CryptoPair

_VERSION_1 = 1
_FIRST = b"\xc3" + _VERSION_1.to_bytes(4)
"""A long header of an Initial packet with a packet number of four octets."""

_CONNECTION_ID_SIZE = 8
_PACKET_NUMBER = bytes(4)
_TAG_SIZE = 16
_PAYLOAD_SIZE = 1162
"""With header and tag, a datagram of 1,200 octets or a few more."""

_CRYPTO = b"\x06"
_TWO_OCTETS = 0x4000
"""Marks an integer as one of two octets (RFC 9000 section 16)."""


def crypto_frame(data: bytes, offset: int = 0) -> bytes:
    """Return a CRYPTO frame (RFC 9000 section 19.6)."""
    return _CRYPTO + _integer(offset) + _integer(len(data)) + data


def initial_packet(
    frames: bytes, chance: random.Random, identity: bytes = b"", keys: bytes = b"", size: int = _PAYLOAD_SIZE
) -> bytes:
    """Return the datagram with frames, padded and protected by what its connection ID leads to (RFC 9001 section 5).

    `keys` is the ID that leads to the keys where it is another one, as after a server's answer.
    """
    payload = frames.ljust(size, b"\0")
    identities = [identity or chance.randbytes(_CONNECTION_ID_SIZE), chance.randbytes(_CONNECTION_ID_SIZE)]
    header = _FIRST + b"".join(bytes([len(each)]) + each for each in identities) + b"\0"
    header += _integer(len(_PACKET_NUMBER) + len(payload) + _TAG_SIZE) + _PACKET_NUMBER
    pair = CryptoPair()
    pair.setup_initial(cid=keys or identities[0], is_client=True, version=_VERSION_1)
    return bytes(pair.encrypt_packet(header, payload, 0))


def _integer(value: int) -> bytes:
    return (_TWO_OCTETS | value).to_bytes(2)
