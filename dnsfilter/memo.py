"""The memo: the exact bytes of a query behind its ID -> the ready response behind its ID, for one view of the policy.

A hit needs no parsing and no decision. The transport reads `entries` directly and does to a hit what `Entry` says;
whatever is odd goes the long way. Times are seconds of a monotonic clock that the caller reads.
"""

import struct
from math import inf

from dnsfilter.model import Decision, Outcome

MAX_ENTRIES = 50_000

MAX_QUERY = 512
"""Longer queries are no ordinary ones, and would only fill the memory."""

_TTL = struct.Struct("!I")


class Entry:
    """One ready response; valid while `now < fresh_until`, then `refresh` it.

    `seen` counts hits per client address (packed) where the name is listed, and is None where it is not.
    """

    __slots__ = ("_expires", "_stored", "_ttls", "decision", "fresh_until", "hits", "outcome", "rcode", "seen", "tail")

    def __init__(self, tail: bytes, decision: Decision, outcome: Outcome, rcode: int) -> None:
        self.tail = tail
        self.decision = decision
        self.outcome = outcome
        self.rcode = rcode
        self.hits = 0
        self.seen: dict[bytes, int] | None = {} if decision.is_sighting else None
        self.fresh_until = self._expires = inf
        self._stored = 0.0
        self._ttls: tuple[int, ...] = ()

    def expire(self, stored: float, expires: float, ttls: tuple[int, ...]) -> None:
        """Let the entry age: its TTLs (offsets into `tail`) were right at `stored`, it ends at `expires`."""
        self._stored, self._expires, self._ttls = stored, expires, ttls
        self.fresh_until = stored

    def refresh(self, now: float) -> bool:
        """Bring the TTLs up to date for the coming second; False where the entry has ended."""
        if now >= self._expires:
            return False
        elapsed = int(now - self._stored)
        if elapsed:
            tail = bytearray(self.tail)
            for offset in self._ttls:
                _TTL.pack_into(tail, offset, max(_TTL.unpack_from(tail, offset)[0] - elapsed, 0))
            self.tail = bytes(tail)
            self._stored += elapsed
        self.fresh_until = min(self._stored + 1, self._expires)
        return True


class Memo:
    """The entries of one view, and which of them were hit since the last drain."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.touched: list[Entry] = []

    def put(self, tail: bytes, entry: Entry) -> None:
        """Keep an entry; when full, start over, for what is asked often is soon back."""
        if len(tail) > MAX_QUERY:
            return
        if len(self.entries) >= MAX_ENTRIES:
            self.entries.clear()
        self.entries[tail] = entry
