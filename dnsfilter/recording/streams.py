"""Puts the segments of one direction of a TCP connection in order.

Bounded: a stream that leaves too much of a gap is continued behind the gap.
"""

MAX_AHEAD = 64
_WRAP = 1 << 32
_HALF = 1 << 31


class Stream:
    """The octets of one direction, from the first segment that was captured."""

    def __init__(self, sequence: int) -> None:
        self._next = sequence
        self._ahead: dict[int, bytes] = {}

    def take(self, sequence: int, payload: bytes) -> bytes:
        """Return the octets that follow those returned before, as far as they are here."""
        if payload:
            self._ahead[sequence] = max(payload, self._ahead.get(sequence, b""), key=len)
        ready = self._advance()
        while len(self._ahead) > MAX_AHEAD:
            self._next = min(self._ahead, key=self._distance)
            ready += self._advance()
        return ready

    def _advance(self) -> bytes:
        ready = b""
        while due := [sequence for sequence in self._ahead if self._distance(sequence) <= 0]:
            for sequence in due:
                known = -self._distance(sequence)
                fresh = self._ahead.pop(sequence)[known:]
                ready += fresh
                self._next = (self._next + len(fresh)) % _WRAP
        return ready

    def _distance(self, sequence: int) -> int:
        """Return how far ahead of the next octet a sequence number is, negative where it is behind (RFC 9293, 3.4)."""
        return (sequence - self._next + _HALF) % _WRAP - _HALF
