"""The proxy's metrics endpoint: renders the journal's counters.

On a thread of its own, so that no scrape delays a connection.
"""

from collections.abc import Callable, Iterable

from prometheus_client import Metric, start_http_server
from prometheus_client.registry import Collector

from dnsfilter.admin.exposition import Exposition
from dnsfilter.errors import ProcessError
from dnsfilter.journal import Journal
from dnsfilter.metrics import PROXY, Children
from dnsfilter.values import Endpoint


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
            server, thread = start_http_server(endpoint.port, endpoint.host, registry=self)
        except OSError as error:
            raise ProcessError(f"proxy.metrics: cannot listen on {endpoint}: {error.strerror or error}") from None

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
        exposition.set("proxy_open_connections", to=self._open_connections())
        return exposition.collect()
