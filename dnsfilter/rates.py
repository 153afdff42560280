"""How much may be asked: token buckets of clients and of the prefixes that they are in, in tables that are bounded.

A client takes tokens from its prefix's bucket by the chunk, so that most queries only count down a number. Addresses
are packed, `now` is seconds of a monotonic clock.
"""

from collections import deque
from typing import Generic, TypeVar

from dnsfilter.settings.resolver import RateLimit

CHUNK = 64
"""How many tokens a client takes from its prefix at once, and at most holds back from its neighbours."""

UNLIMITED = 1e18

T = TypeVar("T")


class Recent(dict[bytes, T], Generic[T]):
    """A table of at most `size` entries; the first in is the first out."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._order: deque[bytes] = deque()

    def add(self, key: bytes, value: T) -> T:
        """Add an entry whose key is not there yet; return its value."""
        if len(self) >= self._size:
            del self[self._order.popleft()]
        self._order.append(key)
        self[key] = value
        return value

    def shrink(self, number: int) -> None:
        """Let go of the first entries, so many at most."""
        for _ in range(min(number, len(self))):
            del self[self._order.popleft()]


class Bucket:
    """The tokens of a client or a prefix, and how many of its queries were over the limit."""

    __slots__ = ("limited", "refilled", "tokens")

    def __init__(self, tokens: float, now: float) -> None:
        self.tokens = tokens
        self.refilled = now
        self.limited = 0


class Rates:
    """The buckets under one configuration, at most `size` of prefixes."""

    def __init__(self, settings: RateLimit, size: int) -> None:
        self._client = _rate(settings.per_client_qps, settings.burst)
        self._prefix = _rate(settings.prefix_qps, 2 * settings.prefix_qps)
        self._lengths = {4: settings.ipv4_prefix, 16: settings.ipv6_prefix}
        self._slip = settings.slip
        self.prefixes: Recent[Bucket] = Recent(size)
        self.is_limited = bool(settings.per_client_qps or settings.prefix_qps)

    def open_client(self, now: float) -> Bucket:
        """Return the full bucket of a client."""
        return Bucket(self._client[1], now)

    def find_prefix(self, address: bytes, now: float) -> Bucket | None:
        """Return the bucket of the prefix that an address is in, None where prefixes are not limited."""
        if self._prefix[0] == UNLIMITED:
            return None
        prefix = prefix_of(address, self._lengths[len(address)])
        return self.prefixes.get(prefix) or self.prefixes.add(prefix, Bucket(self._prefix[1], now))

    def grant(self, client: Bucket, prefix: Bucket | None, now: float) -> float:
        """Take tokens out of both buckets; return how many, less than 1 where there is no whole one."""
        granted = _fill(client, self._client, now)
        if prefix is not None:
            granted = min(CHUNK, granted, _fill(prefix, self._prefix, now))
        if granted >= 1:
            client.tokens -= granted
            if prefix is not None:
                prefix.tokens -= granted
        return granted

    def slips(self, bucket: Bucket) -> bool:
        """Count a query over the limit; whether it is answered, so that a client that is real comes back over TCP."""
        bucket.limited += 1
        return bool(self._slip) and bucket.limited % self._slip == 0


def prefix_of(address: bytes, length: int) -> bytes:
    """Return a key for the prefix of so many bits that an address is in, another one for each family."""
    whole, rest = divmod(length, 8)
    prefix = address[:whole]
    if rest:
        prefix += bytes([address[whole] & 0xFF00 >> rest & 0xFF])
    return prefix + bytes([len(address)])


def _rate(qps: int, burst: int) -> tuple[float, float]:
    return (float(qps), float(burst)) if qps else (UNLIMITED, UNLIMITED)


def _fill(bucket: Bucket, rate: tuple[float, float], now: float) -> float:
    qps, burst = rate
    bucket.tokens = min(burst, bucket.tokens + (now - bucket.refilled) * qps)
    bucket.refilled = now
    return bucket.tokens
