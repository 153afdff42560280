"""When a question is sent to whom: retry, failover and hedging, without sockets and without a clock."""

from typing import TYPE_CHECKING, Final

from dnsfilter.wire.letters import lower, scramble
from dnsfilter.wire.upstream_query import build_packet

if TYPE_CHECKING:
    from dnsfilter.resolver import Pending
    from dnsfilter.upstream.server import Server
    from dnsfilter.wire.query import Query

WAITS = (0.4, 0.45, 0.5)
"""Seconds that each attempt may take, the first at the best server, each further one at the next.

Together the time within which a client is answered, come what may. There are no more attempts than these, of whatever
kind: a query that costs upstreams many would be a weapon against them.
"""

MAX_ATTEMPTS: Final = len(WAITS)

LINGER: Final = 4.0
"""Seconds for which a response is still welcome, for the cache, after the client was told that there is none."""

MAX_SAVINGS: Final = 10.0
"""How many second servers may be asked early in a row, after a time in which that was not needed."""


class Exchange:
    """One question on its way, with all the queries that wait for its answer.

    `asked` is the server that was asked last, at `asked_at`; `overtaken` the one that another was asked beside.
    """

    __slots__ = (
        "asked",
        "asked_at",
        "attempts",
        "began",
        "deadline",
        "is_done",
        "is_doubted",
        "is_scrambled",
        "key",
        "overtaken",
        "query",
        "question",
        "servers",
        "turn",
        "wait",
        "waiters",
    )

    def __init__(self, query: "Query", servers: "list[Server]", now: float) -> None:
        self.query = query
        self.key = query.key
        self.question = query.question
        self.waiters: list[Pending] = []
        self.servers = servers
        self.asked: Server
        self.overtaken: Server | None = None
        self.attempts = self.turn = 0
        self.began = self.asked_at = self.deadline = now
        self.wait = 0.0
        self.is_done = self.is_doubted = self.is_scrambled = False

    @property
    def packet(self) -> bytes:
        """The packet behind an ID, for upstreams that get no cookie."""
        return build_packet(self.query, self.question)

    def scramble(self, noise: bytes) -> None:
        """Choose the case of each letter of the question by noise."""
        self.question = scramble(self.question, noise)
        self.is_scrambled = True

    def unscramble(self) -> None:
        """Ask in small letters, and take the answer in any."""
        self.question = lower(self.question)
        self.is_scrambled = False

    @property
    def has_untried(self) -> bool:
        """Whether some server was not asked yet and may be: then an error response is not the last word."""
        return self.turn < len(self.servers) and self.attempts < MAX_ATTEMPTS

    def next_server(self) -> "Server":
        """Return whose turn it is; the last attempt is made in small letters, for mixed ones may be what is wrong."""
        servers, turn = self.servers, self.turn
        server = servers[turn % len(servers)] if turn else servers[0]
        self.turn = turn + 1
        self.attempts += 1
        if self.is_scrambled and (self.attempts == MAX_ATTEMPTS or not server.transport.keeps_case):
            self.unscramble()
        return server

    def time_at(self, server: "Server", now: float) -> float:
        """Return how long a server had for its answer."""
        return now - (self.asked_at if server is self.asked else self.began)


class Budget:
    """Of how many queries in a hundred a second server may be asked early."""

    def __init__(self, percent: int) -> None:
        self._share = percent / 100
        self._saved = 0.0

    def earn(self) -> None:
        """Count a query."""
        if self._saved < MAX_SAVINGS:
            self._saved += self._share

    def spend(self) -> bool:
        """Whether a second server may be asked; then that was it."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
