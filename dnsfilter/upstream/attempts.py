"""When a query is sent to whom: retry and failover, without sockets and without a clock."""

WAITS = (0.4, 0.45, 0.5)
"""Seconds that each attempt may take, the first at the best server, each further one at the next.

Together the time within which a client is answered, come what may.
"""

LINGER = 4.0
"""Seconds for which a response is still welcome, for the cache, after the client was told that there is none."""


def has_untried(attempts: int, servers: int) -> bool:
    """Whether some server was not asked yet after so many attempts: then an error response is not the last word."""
    return attempts < min(servers, len(WAITS))
