"""The proxy under `dnsfilter serve`: several processes on one port, one endpoint for what they count."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.proxy import curl
from tests.e2e.server import Server, fetch, parse_metrics
from tests.fakes.origin import BODY, Origin, make_certificate
from tests.processes import children, command_line, free_port, wait_until

LISTED = "api16-normal-c-useast1a.tiktokv.com"
UNLISTED = "www.example.org"
MANY = 24


def _workers(server: Server) -> list[int]:
    return [pid for pid in children(server.running.pid) if "proxy_addons.program" in command_line(pid)]


def _octets_read(pid: int) -> int:
    """Return how many octets a process has read so far: more than when idle, once it had a connection."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


@pytest.fixture
def served(start: Callable[..., Server]) -> tuple[Server, dict[str, Any]]:
    port, metrics_port = free_port(), free_port()
    proxy = {"listen": [f"regular@127.0.0.1:{port}"], "workers": 2, "metrics": f"127.0.0.1:{metrics_port}"}
    return start(proxy=proxy), {"port": port, "metrics": metrics_port}


def test_workers_share_port_and_endpoint(served: tuple[Server, dict[str, Any]], tmp_path: Path) -> None:
    """Both processes get connections, all are counted once on one endpoint, and a killed process loses no count."""
    server, ports = served
    pids = _workers(server)
    assert len(pids) == 2
    idle = [_octets_read(pid) for pid in pids]

    def decided(decision: str) -> float:
        series = f'dnsfilter_proxy_connections_total{{decision="{decision}"}}'
        return parse_metrics(fetch(ports["metrics"])[1]).get(series, 0)

    with Origin(make_certificate(tmp_path, UNLISTED)) as origin:
        through = ("-k", "--proxy", f"http://127.0.0.1:{ports['port']}")
        pass_on = (*through, "--connect-to", f"::127.0.0.1:{origin.port}")
        for _ in range(MANY):
            assert curl(f"https://{UNLISTED}/", *pass_on).body == BODY.decode()
        assert curl(f"https://{LISTED}/", *pass_on).status == 0
        assert curl(f"https://{LISTED}/", *through).connect_status == 403
        assert origin.accepted == MANY
    assert all(_octets_read(pid) > before for pid, before in zip(pids, idle, strict=True))
    wait_until(lambda: (decided("pass"), decided("refuse")) == (MANY, 2), "everything is counted once")
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: len(_workers(server)) == 2 and pids[0] not in _workers(server), "the process is there again")
    for _ in range(4):
        assert curl(f"https://{LISTED}/", *through).connect_status == 403
    wait_until(lambda: (decided("pass"), decided("refuse")) == (MANY, 6), "the old counts stay")


def test_sockets_outlive_a_process(served: tuple[Server, dict[str, Any]]) -> None:
    """With every process killed, who connects meanwhile is served by the next one."""
    server, ports = served
    for pid in _workers(server):
        os.kill(pid, signal.SIGKILL)
    assert curl(f"https://{LISTED}/", "--proxy", f"http://127.0.0.1:{ports['port']}").connect_status == 403
