"""The house that most end-to-end tests live in: one unbound with its own world, one dnsfilter in front of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server, default_settings, start_server
from tests.e2e.unbound import Unbound, start_unbound
from tests.processes import Processes


@pytest.fixture(scope="module")
def upstream(module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Unbound:
    """Start the resolver that dnsfilter asks."""
    return start_unbound(module_processes, tmp_path_factory.mktemp("unbound"))


@pytest.fixture(scope="module")
def server(upstream: Unbound, module_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Start dnsfilter with one worker; for tests that leave it as they found it."""
    return start_server(module_processes, tmp_path_factory.mktemp("dnsfilter"), default_settings(upstream.address))


@pytest.fixture
def start(upstream: Unbound, processes: Processes, tmp_path: Path) -> Callable[..., Server]:
    """Start a dnsfilter that the test may break; keyword arguments replace sections of the default settings."""

    def start_with(**settings: Any) -> Server:
        merged: Mapping[str, Any] = {**default_settings(upstream.address), **settings}
        return start_server(processes, tmp_path, merged)

    return start_with
