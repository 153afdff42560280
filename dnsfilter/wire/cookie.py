"""Interoperable server cookies (RFC 9018 section 4): every server that has the secret makes and knows the same ones.

A cookie is the version 1, 3 reserved octets, 4 of timestamp, 8 of hash.
"""

import hmac
import struct

from dnsfilter.wire.siphash import KEY_SIZE, siphash24

CLIENT_SIZE = 8
SERVER_SIZE = 16
SERVER_SIZES = range(8, 33)
"""What other servers' cookies may be long (RFC 7873 section 4.2)."""

SECRET_SIZE = KEY_SIZE
MAX_AGE = 3600
"""Seconds after which a cookie is no longer taken (RFC 9018 section 4.3)."""

MAX_AHEAD = 300
"""Seconds by which the clock of the node that made a cookie may be ahead of ours."""

RENEWAL_AGE = 1800
"""Seconds after which a client gets a fresh cookie."""

_VERSION = 1
_HEAD = struct.Struct("!B3xI")
_TIMESTAMP = struct.Struct("!I")
_HASH_OFFSET = SERVER_SIZE - 8
_MAPPED = bytes(10) + b"\xff\xff"
_ERA, _HALF_ERA = 1 << 32, 1 << 31


def is_well_formed(cookie: bytes) -> bool:
    """Whether the data of a COOKIE option has a length that it can have (RFC 7873 section 5.2.2)."""
    return len(cookie) == CLIENT_SIZE or len(cookie) - CLIENT_SIZE in SERVER_SIZES


def make_server_cookie(secret: bytes, client: bytes, address: bytes, now: float) -> bytes:
    """Return the server cookie for a client cookie and a packed address; `now` is seconds since the epoch."""
    head = _HEAD.pack(_VERSION, int(now) % _ERA)
    return head + _hash(secret, client + head, address)


def is_ours(secret: bytes, cookie: bytes, address: bytes) -> bool:
    """Whether a client cookie with a server cookie was made for this address with this secret, whenever that was.

    The reserved octets are hashed as they came: a later server may use them (RFC 9018 section 4.2).
    """
    if len(cookie) != CLIENT_SIZE + SERVER_SIZE or cookie[CLIENT_SIZE] != _VERSION:
        return False
    return hmac.compare_digest(_hash(secret, cookie[:-_HASH_OFFSET], address), cookie[-_HASH_OFFSET:])


def age_of(cookie: bytes, now: float) -> int:
    """Return how many seconds ago a server cookie was made, in serial number arithmetic (RFC 1982)."""
    timestamp = _TIMESTAMP.unpack_from(cookie, CLIENT_SIZE + 4)[0]
    return int((int(now) - timestamp + _HALF_ERA) % _ERA - _HALF_ERA)


def _hash(secret: bytes, octets: bytes, address: bytes) -> bytes:
    """Hash with the client's address, which is IPv4 however the socket puts it: other nodes must agree."""
    return siphash24(secret, octets + address.removeprefix(_MAPPED))
