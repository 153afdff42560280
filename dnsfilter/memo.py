"""The memo: the exact bytes of a query behind its ID -> the ready response behind its ID, for one view of the policy.

A hit needs no parsing and no decision. The transport reads `entries` directly and does to a hit what `Entry` says;
whatever is odd goes the long way. Times are seconds of a monotonic clock that the caller reads.
"""

import struct
from math import inf
from typing import Final

from dnsfilter.model import Decision, Outcome

MAX_BYTES = 16 * 1024 * 1024
"""Octets of memory for the entries of all views together, about."""

OVERHEAD: Final = 500
"""Octets of memory that an entry takes beside its bytes: its objects, and its place in the table (measured)."""

MAX_QUERY: Final = 512
"""Longer queries are no ordinary ones, and would only fill the memory."""

_TTL: Final = struct.Struct("!I")


class Entry:
    """One ready response; valid while `now < fresh_until`, then `refresh` it.

    `seen` counts hits per client where the name is listed, and is None where it is not (but when `sample` listens): by
    packed address, as the UDP server has it, or by the text that stands for the client; `counted` is the key of a
    counter that every hit belongs to besides.
    """

    __slots__ = (
        "_due",
        "_due_list",
        "_expires",
        "_query",
        "_stored",
        "_ttls",
        "counted",
        "decision",
        "fresh_until",
        "hits",
        "outcome",
        "rcode",
        "seen",
        "tail",
    )

    def __init__(
        self, tail: bytes, decision: Decision, outcome: Outcome, rcode: int, counted: tuple[str, ...] | None = None
    ) -> None:
        self.tail = tail
        self.decision = decision
        self.outcome = outcome
        self.rcode = rcode
        self.counted = counted
        self.hits = 0
        self.seen: dict[bytes | str, int] | None = {} if decision.is_sighting else None
        self.fresh_until = self._expires = self._due = inf
        self._stored = 0.0
        self._ttls: tuple[int, ...] = ()

    def expire(self, stored: float, expires: float, ttls: tuple[int, ...]) -> None:
        """Let the entry age: its TTLs (offsets into `tail`) were right at `stored`, it ends at `expires`."""
        self._stored, self._expires, self._ttls = stored, expires, ttls
        self.fresh_until = stored

    def watch(self, due: float, due_list: list[bytes], query: bytes) -> None:
        """Let the query (behind its ID) be put on a list, once, when the entry is asked for from `due` on."""
        self._due, self._due_list, self._query = due, due_list, query

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
        if now >= self._due:
            self._due = inf
            self._due_list.append(self._query)
        self.fresh_until = min(self._stored + 1, self._expires, self._due)
        return True


class Memo:
    """The entries of one view, and which of them were hit since the last drain."""

    def __init__(self, shelf: "Shelf") -> None:
        self._shelf = shelf
        self.entries: dict[bytes, Entry] = {}
        self.touched: list[Entry] = []

    def put(self, tail: bytes, entry: Entry) -> None:
        """Keep an entry, the response to a query (behind its ID)."""
        if len(tail) > MAX_QUERY:
            return
        shelf, before = self._shelf, self.entries.get(tail)
        size = OVERHEAD + len(tail) + len(entry.tail)
        if before is not None:
            shelf.size -= OVERHEAD + len(tail) + len(before.tail)
        if shelf.size + size > MAX_BYTES:
            shelf.clear()
        shelf.size += size
        self.entries[tail] = entry

    def shrink(self, number: int) -> None:
        """Let go of entries, so many at most."""
        for _ in range(min(number, len(self.entries))):
            self.entries.popitem()


class Shelf:
    """The memory that the memos of all views share; when full, all start over, for what is asked often is soon back."""

    def __init__(self) -> None:
        self._memos: list[Memo] = []
        self.size = 0

    def make_memo(self) -> Memo:
        """Return a memo for one more view."""
        memo = Memo(self)
        self._memos.append(memo)
        return memo

    def clear(self) -> None:
        """Let all memos start over."""
        for memo in self._memos:
            memo.entries.clear()
        self.size = 0
