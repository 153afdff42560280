"""The proxy's metrics endpoint: what all its processes have reported, added up, on one port.

Served by the manager, which hears of every process anyway; a counter outlives the process that counted.
"""

import time

from dnsfilter.admin.exposition import Exposition
from dnsfilter.admin.server import AdminServer
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.journal import CounterKey
from dnsfilter.metrics import PROXY, proxy_children
from dnsfilter.process.accounts import PROXY as PROXIES
from dnsfilter.process.accounts import Accounts

OPEN_CONNECTIONS = "proxy_open_connections"


class ProxyMetrics:
    """Counters and gauges of the proxy; serves them where a snapshot has a proxy."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._exposition = Exposition(PROXY)
        self._server = AdminServer(self._render, self._find_obstacle, "proxy.metrics")

    async def start(self, snapshot: Snapshot) -> None:
        """Listen, if there is a proxy; ProcessError when that is not possible."""
        self.adopt(snapshot)
        if snapshot.configuration.proxy.listen:
            await self._server.start(snapshot.configuration.proxy.metrics)

    async def stop(self) -> None:
        """Stop listening."""
        await self._server.stop()

    def adopt(self, snapshot: Snapshot) -> None:
        """Create the children of a snapshot that just came into force."""
        self._exposition.create(proxy_children(snapshot.configuration, snapshot.lists))

    def add(self, key: CounterKey, by: float) -> None:
        """Add to a counter, if it is one of the proxy's."""
        self._exposition.add(key, by)

    def _render(self, accept: str) -> tuple[bytes, str]:
        now = time.monotonic()
        connections = self._accounts.combine(OPEN_CONNECTIONS, now, sum)
        self._exposition.set(OPEN_CONNECTIONS, to=connections.get((), 0.0))
        self._exposition.set("proxy_workers_alive", to=self._accounts.count_alive(PROXIES, now))
        return self._exposition.render(accept)

    def _find_obstacle(self) -> str:
        alive = self._accounts.count_alive(PROXIES, time.monotonic())
        return "" if alive else "no process of the proxy has reported lately"
