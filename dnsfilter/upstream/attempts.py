"""When a query is sent to whom: retry and failover, without sockets and without a clock."""

WAITS = (0.4, 0.5, 0.6)
"""Seconds that each attempt may take; together the time within which a client is answered, come what may."""

LINGER = 4.0
"""Seconds for which a response is still welcome, for the cache, after the client was told that there is none."""


class Attempts:
    """The attempts of one query over the servers of its route, best first; each failure moves to the next server."""

    __slots__ = ("_count", "_servers")

    def __init__(self, servers: int) -> None:
        self._servers = servers
        self._count = 0

    def next(self) -> tuple[int, float] | None:
        """Return the index of the server to ask and how long to wait for it; None when it is time to give up."""
        if self._count >= len(WAITS):
            return None
        attempt = self._count
        self._count += 1
        return attempt % self._servers, WAITS[attempt]

    @property
    def has_untried(self) -> bool:
        """Whether some server was not asked yet: then an error response is not the last word."""
        return self._count < min(self._servers, len(WAITS))
