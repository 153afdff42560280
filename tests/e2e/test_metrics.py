"""The metrics endpoints, as an HTTP client and as a real Prometheus sees them."""

import json
import re
import subprocess
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import Server, fetch
from tests.processes import Processes, free_port, require_program, wait_until

EXPECTED = {
    "queries_total",
    "responses_total",
    "query_duration_seconds",
    "sightings_total",
    "devices",
    "policy_phase",
    "policy_deadline_timestamp_seconds",
    "blocklist_entries",
    "blocklist_age_seconds",
    "last_reload_successful",
    "last_reload_timestamp_seconds",
    "snapshot_generation",
    "upstream_up",
    "upstream_exchanges_total",
    "upstream_duration_seconds",
    "cache_entries",
    "cache_hits_total",
    "workers_alive",
    "journal_dropped_total",
    "build_info",
}


def test_declares_every_metric(server: Server) -> None:
    """Every metric of the contract is declared and has a sample from the start."""
    text = fetch(server.metrics_port)[1]
    declared = set(re.findall(r"^# TYPE dnsfilter_(\S+) ", text, re.MULTILINE))
    assert EXPECTED - declared == set()
    sampled = {series.partition("{")[0].removesuffix("_bucket") for series in server.metrics()}
    assert {name for name in EXPECTED if f"dnsfilter_{name}" not in sampled} == set()


def test_is_healthy_and_ready(server: Server) -> None:
    """Both probes answer 200; an unknown path is 404."""
    assert fetch(server.metrics_port, "/healthz")[0] == 200
    assert fetch(server.metrics_port, "/readyz")[0] == 200
    assert fetch(server.metrics_port, "/no-such-path")[0] == 404


def test_counts_what_was_done(start: Callable[..., Server]) -> None:
    """Queries and responses are counted by transport, outcome and rcode."""
    server = start()
    wait_until(lambda: server.metric("dnsfilter_queries_total") == 1, "the query that found it ready is counted")
    before = server.metrics()
    for transport in ("+notcp", "+tcp"):
        server.dig("www.tiktok.com", transport)
        server.dig("www.example", transport)
        server.dig("absent.example", transport)

    def grown(name: str, **labels: str) -> float:
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return server.metric(name, **labels) - sum(
            value
            for series, value in before.items()
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )

    wait_until(lambda: grown("dnsfilter_queries_total") == 6, "all six are counted")
    assert grown("dnsfilter_queries_total", transport="udp") == grown("dnsfilter_queries_total", transport="tcp") == 3
    assert grown("dnsfilter_responses_total", outcome="blocked", rcode="NOERROR") == 2
    assert grown("dnsfilter_responses_total", outcome="resolved") == 2
    assert grown("dnsfilter_responses_total", outcome="cached", rcode="NXDOMAIN") == 1
    assert grown("dnsfilter_sightings_total", app="tiktok", channel="dns") == 2


def test_labels_tell_nobody(server: Server) -> None:
    """No query name and no client address is in the exposition."""
    server.dig("personal-habit.example", "-b", "127.0.0.77")
    server.dig("vm.tiktok.com", "-b", "127.0.0.77")
    wait_until(lambda: server.metric("dnsfilter_sightings_total") > 0, "the sighting is counted")
    text = fetch(server.metrics_port)[1]
    assert "personal-habit" not in text
    assert "vm.tiktok.com" not in text
    assert "127.0.0.77" not in text


SCRAPE = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - {{job_name: dnsfilter, static_configs: [{{targets: ["127.0.0.1:{resolver}"]}}]}}
  - {{job_name: proxy, static_configs: [{{targets: ["127.0.0.1:{proxy}"]}}]}}
"""


def query_prometheus(port: int, expression: str) -> float | None:
    """Return the single value of an expression, None when there is none."""
    body = fetch(port, "/api/v1/query?query=" + urllib.parse.quote(expression))[1]
    result = json.loads(body)["data"]["result"] if body else []
    return float(result[0]["value"][1]) if result else None


@pytest.fixture
def scraped(start: Callable[..., Server], processes: Processes, tmp_path: Path) -> tuple[Server, int]:
    """Start dnsfilter with its proxy, and a real Prometheus that scrapes both endpoints; return its port too."""
    program = require_program("prometheus", "prometheus")
    proxy = {"listen": [f"regular@127.0.0.1:{free_port()}"], "metrics": f"127.0.0.1:{free_port()}"}
    server = start(proxy=proxy)
    port = free_port()
    configuration = tmp_path / "prometheus.yaml"
    configuration.write_text(SCRAPE.format(resolver=server.metrics_port, proxy=proxy["metrics"].rpartition(":")[2]))
    places = [f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/tsdb"]
    command = [program, *places, f"--web.listen-address=127.0.0.1:{port}"]
    processes.start("prometheus", command, lambda _: fetch(port, "/-/ready")[0] == 200)
    return server, port


def test_prometheus_scrapes_both_endpoints(scraped: tuple[Server, int]) -> None:
    """A real Prometheus finds resolver and proxy up, and sees a name that was refused at both."""
    server, prometheus = scraped
    wait_until(lambda: query_prometheus(prometheus, 'sum(up{job=~"dnsfilter|proxy"})') == 2, "both are up", 30)
    server.dig("www.tiktok.com")
    mode = server.settings["proxy"]["listen"][0]
    curl = [require_program("curl", "curl"), "-s", "-x", f"http://{mode.partition('@')[2]}", "http://www.tiktok.com/"]
    assert "tiktok" in subprocess.run(curl, capture_output=True, text=True, check=True, timeout=20).stdout
    for expression in (
        'sum(dnsfilter_responses_total{outcome="blocked"})',
        'sum(dnsfilter_proxy_requests_total{decision="refuse"})',
        'sum(dnsfilter_sightings_total{channel="http"})',
    ):
        wait_until(lambda wanted=expression: (query_prometheus(prometheus, wanted) or 0) > 0, expression, 20)
