"""The metrics endpoint of the proxy."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dnsfilter.errors import ProcessError
from dnsfilter.journal import Journal
from dnsfilter.metrics import proxy_children
from dnsfilter.values import Endpoint
from proxy_addons.endpoint import MetricsEndpoint
from tests.e2e.server import fetch
from tests.fakes.published import publish_world


@pytest.fixture
def journal() -> Journal:
    return Journal("proxy-0", "x")


@pytest.fixture
def endpoint(journal: Journal, tmp_path: Path) -> Iterator[MetricsEndpoint]:
    snapshot = publish_world(tmp_path)
    children = proxy_children(snapshot.configuration, snapshot.lists)
    started = MetricsEndpoint(journal, lambda: children, lambda: 7)
    yield started
    started.stop()


def samples(port: int) -> dict[str, float]:
    status, text = fetch(port)
    assert status == 200
    families = text_string_to_metric_families(text)
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        for sample in family.samples
    }


def test_all_children_exist_from_the_start(endpoint: MetricsEndpoint, free_port: Callable[[], int]) -> None:
    """Every decision, flag and the gauge have a value before anything happened."""
    endpoint.start(Endpoint("127.0.0.1", port := free_port()))
    found = samples(port)
    for decision in ("pass", "observe", "warn", "refuse"):
        assert found[f"dnsfilter_proxy_connections_total[('decision', '{decision}')]"] == 0
        assert found[f"dnsfilter_proxy_requests_total[('decision', '{decision}')]"] == 0
    assert found["dnsfilter_proxy_open_connections[]"] == 7
    assert [name for name in found if name.startswith("dnsfilter_proxy_flags_total") and "'sni'" in name]


def test_shows_what_the_journal_counts(
    endpoint: MetricsEndpoint, journal: Journal, free_port: Callable[[], int]
) -> None:
    """What is counted in the journal is what the next scrape shows."""
    endpoint.start(Endpoint("127.0.0.1", port := free_port()))
    journal.count("proxy_connections", "refuse", by=3)
    assert samples(port)["dnsfilter_proxy_connections_total[('decision', 'refuse')]"] == 3


def test_a_taken_port_is_one_clear_error(endpoint: MetricsEndpoint, free_port: Callable[[], int]) -> None:
    """A port that another program has is an error naming key and endpoint."""
    port = free_port()
    expected = rf"proxy\.metrics: cannot listen on 127\.0\.0\.1:{port}"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ProcessError, match=expected):
        endpoint.start(Endpoint("127.0.0.1", port))


def test_gives_the_port_back(endpoint: MetricsEndpoint, free_port: Callable[[], int]) -> None:
    """After stop the same port can be listened on again."""
    place = Endpoint("127.0.0.1", free_port())
    endpoint.start(place)
    endpoint.stop()
    endpoint.start(place)
    assert samples(place.port)
