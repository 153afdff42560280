"""Who and what has too many queries waiting for upstreams: a client that floods, a zone asked for random names.

Looked at some twenty times a second instead of counted query by query: while little waits it costs nothing.
"""

from collections import Counter
from collections.abc import Collection
from typing import Protocol

from dnsfilter.resolver import Pending
from dnsfilter.settings.resolver import Waiting

_SHARED = frozenset({"in-addr.arpa", "ip6.arpa"})
_COUNTRY_CODE = 2
_SHORT_LABEL = 3


class Crowd(Protocol):
    """One question on its way, with all the queries that wait for its answer."""

    waiters: list[Pending]


class Crowding:
    """What was over its bound when it was looked at last."""

    def __init__(self, settings: Waiting) -> None:
        self.adopt(settings)
        self.is_crowded = False
        self._clients: frozenset[str] = frozenset()
        self._zones: frozenset[str] = frozenset()

    def adopt(self, settings: Waiting) -> None:
        """Obey these bounds from now on."""
        self._per_client, self._per_zone = settings.per_client, settings.per_zone

    def look(self, crowds: Collection[Crowd]) -> None:
        """Look at all that waits."""
        clients = zones = frozenset[str]()
        if len(crowds) >= self._per_zone:
            zones = _over(
                Counter(zone_of(crowd.waiters[0].query.name) for crowd in crowds if crowd.waiters), self._per_zone
            )
        if sum(len(crowd.waiters) for crowd in crowds) >= self._per_client:
            found = Counter(pending.seat.text for crowd in crowds for pending in crowd.waiters)
            clients = _over(found, self._per_client)
        self._clients, self._zones = clients, zones
        self.is_crowded = bool(clients or zones)

    def find(self, pending: Pending, *, is_new: bool) -> str | None:
        """Return which bound a query is over: `client`, or `zone` where its question is not yet on its way."""
        if pending.seat.text in self._clients:
            return "client"
        return "zone" if is_new and zone_of(pending.query.name) in self._zones else None


def zone_of(name: str) -> str:
    """Return the registered domain of a name, told by the look of its last labels."""
    labels = name.rsplit(".", 3)
    zone = ".".join(labels[-2:])
    is_shared = zone in _SHARED or (len(labels[-1]) == _COUNTRY_CODE and len(labels[-2:][0]) <= _SHORT_LABEL)
    return ".".join(labels[-3:]) if is_shared else zone


def _over(found: Counter[str], bound: int) -> frozenset[str]:
    return frozenset(key for key, count in found.items() if count >= bound)
