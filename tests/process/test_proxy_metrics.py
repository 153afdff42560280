"""The proxy's endpoint in the manager."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from dnsfilter.journal import Batch
from dnsfilter.process.accounts import Accounts
from dnsfilter.process.proxy_metrics import ProxyMetrics
from tests.e2e.server import fetch, parse_metrics
from tests.fakes.published import publish_world


def _batch(source: str, passed: int, connections: int) -> Batch:
    counters = {("proxy_connections", "pass"): float(passed), ("queries", "udp"): 1.0}
    return Batch(source, "one life", counters, {("proxy_open_connections",): float(connections)})


def test_adds_up_all_processes(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Counters and open connections of several processes are one; others' counters do not show."""
    port = free_port()
    snapshot = publish_world(tmp_path, proxy={"listen": ["regular"], "metrics": f"127.0.0.1:{port}"})
    accounts = Accounts()
    metrics = ProxyMetrics(accounts)
    for batch in (_batch("proxy-0", 3, 2), _batch("proxy-1", 4, 5), _batch("worker-0", 0, 0)):
        for key, growth in accounts.settle(batch, time.monotonic()):
            metrics.add(key, growth)

    async def scrape() -> dict[str, float]:
        await metrics.start(snapshot)
        text = (await asyncio.to_thread(fetch, port))[1]
        assert (await asyncio.to_thread(fetch, port, "/readyz"))[0] == 200
        await metrics.stop()
        return parse_metrics(text)

    seen = asyncio.run(scrape())
    assert seen['dnsfilter_proxy_connections_total{decision="pass"}'] == 7
    assert seen['dnsfilter_proxy_connections_total{decision="refuse"}'] == 0
    assert seen["dnsfilter_proxy_open_connections"] == 7
    assert seen["dnsfilter_proxy_workers_alive"] == 2
    assert not any(series.startswith("dnsfilter_queries") for series in seen)


def test_no_proxy_no_endpoint(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """Where the configuration has no proxy, nothing listens."""
    port = free_port()
    snapshot = publish_world(tmp_path, proxy={"metrics": f"127.0.0.1:{port}"})

    async def scrape() -> int:
        metrics = ProxyMetrics(Accounts())
        await metrics.start(snapshot)
        status = (await asyncio.to_thread(fetch, port))[0]
        await metrics.stop()
        return status

    assert asyncio.run(scrape()) == 0
