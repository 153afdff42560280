"""Who has a connection: so many places for all, fewer for one client; at a bound the longest idle gives way.

One worker's TCP, TLS and HTTPS connections share the places, for they share its descriptors. Knows no socket.
"""

import resource
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from dnsfilter.model import Ending
from dnsfilter.settings.resolver import Connections

RESERVED_DESCRIPTORS = 128
"""What a worker keeps of its descriptors for sockets of its own, upstreams and files."""

RESOLUTION = 0.5
"""Seconds within which activity need not be noted again."""

CANDIDATES = 16
"""How many of the longest silent are looked at for one that waits for nothing."""

_IPV6_SIZE = 16
_IPV6_CLIENT = 8
"""Who has one IPv6 address has its whole /64."""


class Holder(Protocol):
    """What has a place; `active` is when it last asked something, in seconds of a monotonic clock."""

    address: bytes
    active: float

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""

    def close(self) -> None:
        """End at once, and give up the place."""

    def finish(self) -> None:
        """Send no more, and end when the peer has seen it."""


class Places:
    """The connections of one worker, the longest silent first."""

    def __init__(self, settings: Connections) -> None:
        self.adopt(settings)
        self.closed: Counter[Ending] = Counter()
        self._holders: dict[Holder, None] = {}
        self._by_client: dict[bytes, dict[Holder, None]] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def __iter__(self) -> Iterator[Holder]:
        return iter([*self._holders])

    def adopt(self, settings: Connections) -> None:
        """Obey these bounds from now on; never more than this process may have descriptors."""
        self.idle = settings.idle.total_seconds()
        self.maximum = min(settings.maximum, max(1, _raise_limit() - RESERVED_DESCRIPTORS))
        self._per_client = settings.per_client

    def take(self, holder: Holder, now: float) -> bool:
        """Give a place to a new connection; False where nobody can give way, for all wait for answers."""
        others = self._by_client.get(_client(holder.address), {})
        if len(others) >= self._per_client:
            has_room = self._shed(others, Ending.CLIENT)
        else:
            has_room = len(self._holders) < self.maximum or self._shed(self._holders, Ending.FULL)
        if has_room:
            holder.active = now
            self._holders[holder] = None
            self._by_client.setdefault(_client(holder.address), {})[holder] = None
        return has_room

    def touch(self, holder: Holder, now: float) -> None:
        """Note that a connection asks something."""
        if now - holder.active < RESOLUTION or holder not in self._holders:
            return
        holder.active = now
        for holders in (self._holders, self._by_client[_client(holder.address)]):
            del holders[holder]
            holders[holder] = None

    def leave(self, holder: Holder) -> None:
        """Take back a place, if there is one to take."""
        if holder not in self._holders:
            return
        del self._holders[holder]
        client = _client(holder.address)
        del self._by_client[client][holder]
        if not self._by_client[client]:
            del self._by_client[client]

    def end(self, holder: Holder, reason: Ending) -> None:
        """Close a connection and count why."""
        self.closed[reason] += 1
        holder.close()

    def close_idle(self, now: float) -> None:
        """Close the connections that have asked nothing for too long; called every second or so."""
        for holder in self:
            if holder.active + self.idle >= now:
                break
            self.end(holder, Ending.IDLE)

    def _shed(self, holders: dict[Holder, None], reason: Ending) -> bool:
        for holder in islice(holders, CANDIDATES):
            if not holder.is_busy:
                self.end(holder, reason)
                return True
        self.closed[reason] += 1
        return False


def _client(address: bytes) -> bytes:
    return address[:_IPV6_CLIENT] if len(address) == _IPV6_SIZE else address


def _raise_limit() -> int:
    """Have as many descriptors as this process may; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
