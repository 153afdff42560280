"""The proxy's metrics endpoint: renders the journal's counters.

On a thread of its own, so that no scrape delays a connection.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import Metric, MetricsHandler
from prometheus_client.registry import Collector

from dnsfilter.admin.exposition import Exposition
from dnsfilter.errors import ProcessError
from dnsfilter.journal import Journal
from dnsfilter.metrics import PROXY, Children
from dnsfilter.values import Endpoint

POLL_SECONDS = 0.1
"""How long `stop` may have to wait."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, endpoint: Endpoint, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        super().__init__(endpoint, handler)


class MetricsEndpoint(Collector):
    """An HTTP server with the metrics of one proxy process; asks its callables at each scrape."""

    def __init__(self, journal: Journal, children: Callable[[], Children], open_connections: Callable[[], int]) -> None:
        self._journal = journal
        self._children = children
        self._open_connections = open_connections
        self._stop: Callable[[], None] | None = None

    def start(self, endpoint: Endpoint) -> None:
        """Listen; ProcessError when that is not possible."""
        try:
            server = _Server(endpoint, MetricsHandler.factory(self))
        except OSError as error:
            raise ProcessError(f"proxy.metrics: cannot listen on {endpoint}: {error.strerror or error}") from None

        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._stop = stop

    def stop(self) -> None:
        """Stop listening."""
        if self._stop:
            self._stop()
            self._stop = None

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now, from copies that no other thread changes."""
        exposition = Exposition(PROXY)
        exposition.create(self._children())
        for key, value in dict(self._journal.counters).items():
            exposition.add(key, value)
        exposition.set("proxy_workers_alive", to=1)
        exposition.set("proxy_open_connections", to=self._open_connections())
        return exposition.collect()
