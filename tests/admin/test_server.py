"""The endpoint over real HTTP."""

import asyncio

import aiohttp
import pytest

from dnsfilter.admin.server import AdminServer
from dnsfilter.errors import ProcessError
from dnsfilter.values import Endpoint
from tests.processes import free_port


def render(accept: str) -> tuple[bytes, str]:
    """Show what was asked for."""
    return f"asked for {accept}".encode(), "text/plain; version=0.0.4"


async def ask(port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Return status, media type and body of one request."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}", headers=headers) as response,
    ):
        return response.status, response.headers.get("Content-Type", ""), await response.text()


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "body"),
    [
        (("/metrics", "GET"), {"Accept": "text/plain"}, 200, "asked for text/plain"),
        (("/metrics", "HEAD"), {}, 200, ""),
        (("/metrics", "POST"), {}, 405, None),
        (("/healthz", "GET"), {}, 200, "alive\n"),
        (("/readyz", "GET"), {}, 503, "no worker\n"),
        (("/", "GET"), {}, 404, None),
        (("/metrics/", "GET"), {}, 404, None),
        (("/healthz", "GET"), {"Host": "localhost:9153"}, 200, "alive\n"),
        (("/healthz", "GET"), {"Host": "[::1]:9153"}, 200, "alive\n"),
        (("/healthz", "GET"), {"Host": "attacker.example"}, 421, None),
        (("/healthz", "GET"), {"Host": "192.0.2.1"}, 421, None),
    ],
)
def test_answers(request_line: tuple[str, str], headers: dict[str, str], status: int, body: str | None) -> None:
    """Three paths, read only, and on loopback only for loopback names."""

    async def scenario() -> tuple[int, str, str]:
        port = free_port()
        server = AdminServer(render, lambda: "no worker")
        await server.start(Endpoint("127.0.0.1", port))
        try:
            return await ask(port, *request_line, headers=headers)
        finally:
            await server.stop()

    answered, _, text = asyncio.run(scenario())
    assert answered == status
    assert body is None or text == body


def test_ready_without_an_obstacle() -> None:
    """Where nothing stands in the way, ready is what it says; metrics carry the media type of the exposition."""

    async def scenario() -> tuple[tuple[int, str, str], tuple[int, str, str]]:
        port = free_port()
        server = AdminServer(render, str)
        await server.start(Endpoint("127.0.0.1", port))
        try:
            return await ask(port, "/readyz"), await ask(port, "/metrics")
        finally:
            await server.stop()

    readiness, metrics = asyncio.run(scenario())
    assert (readiness[0], readiness[2]) == (200, "ready\n")
    assert metrics[1] == "text/plain; version=0.0.4"


def test_a_taken_port_is_one_error() -> None:
    """A port that somebody else has names the key and the address."""

    async def scenario() -> None:
        endpoint = Endpoint("127.0.0.1", free_port())
        first, second = AdminServer(render, str), AdminServer(render, str)
        await first.start(endpoint)
        try:
            with pytest.raises(ProcessError, match=rf"listen\.metrics: .*{endpoint.port}"):
                await second.start(endpoint)
        finally:
            await first.stop()

    asyncio.run(scenario())
