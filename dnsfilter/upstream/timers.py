"""Which exchanges have waited too long: kept by the tick in which they began to wait, and most are done before it ends.

No clock of its own: `now` is seconds of a monotonic clock that the caller reads.
"""

from collections import deque
from collections.abc import Iterator

from dnsfilter.upstream.attempts import LINGER, WAITS, Exchange


class Timers:
    """The exchanges that wait, by how long they may."""

    def __init__(self) -> None:
        self._fresh: dict[float, dict[Exchange, None]] = {wait: {} for wait in (*WAITS, LINGER)}
        self._waiting: dict[float, deque[list[Exchange]]] = {wait: deque() for wait in (*WAITS, LINGER)}

    def __bool__(self) -> bool:
        return any(self._fresh.values()) or any(self._waiting.values())

    def start(self, exchange: Exchange, wait: float, now: float) -> None:
        """Let an exchange wait for so long, and no longer for what it waited for before."""
        if exchange.wait:
            self.stop(exchange)
        exchange.asked_at = now
        exchange.wait = wait
        exchange.deadline = now + wait
        self._fresh[wait][exchange] = None

    def stop(self, exchange: Exchange) -> None:
        """Let go of an exchange that is done, mostly in the tick in which it began: it is still warm in the cache."""
        self._fresh[exchange.wait].pop(exchange, None)

    def expire(self, now: float) -> Iterator[Exchange]:
        """Yield the exchanges whose time is over; some twenty times a second."""
        for wait, fresh in self._fresh.items():
            if fresh:
                self._fresh[wait] = {}
                unanswered = [exchange for exchange in fresh if not exchange.is_done]
                if unanswered:
                    self._waiting[wait].append(unanswered)
        for wait, queue in self._waiting.items():
            while queue and queue[0][0].deadline <= now:
                yield from _expire_first(wait, queue, now)


def _expire_first(wait: float, queue: deque[list[Exchange]], now: float) -> Iterator[Exchange]:
    """Look through the exchanges that began to wait within one tick, the longest waiting of their kind."""
    waiting = [exchange for exchange in queue.popleft() if not exchange.is_done and exchange.wait == wait]
    early = [exchange for exchange in waiting if exchange.deadline > now]
    if early:
        queue.appendleft(early)
    for exchange in waiting:
        if exchange.deadline <= now and exchange.wait == wait and not exchange.is_done:
            yield exchange
