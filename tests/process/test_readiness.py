"""What is printed once everything listens."""

import asyncio

import pytest

from dnsfilter.config import Configuration
from dnsfilter.process.readiness import announce, describe
from dnsfilter.values import Endpoint
from tests.processes import free_port

ENDPOINTS = [Endpoint("127.0.0.1", 5353), Endpoint("::1", 5353)]


def test_one_line_per_listener() -> None:
    """Every listener and the state directory have a line."""
    configuration = Configuration.model_validate(
        {
            "state": "/state",
            "proxy": {"listen": ["regular@127.0.0.1:8080"]},
            "listen": {
                "tls": ["127.0.0.1:8853"],
                "https": ["127.0.0.1:8443"],
                "certificate": {"chain": "chain.pem", "key": "key.pem"},
            },
        }
    )
    assert list(describe(configuration, ENDPOINTS)) == [
        "DNS on 127.0.0.1:5353, UDP and TCP",
        "DNS on [::1]:5353, UDP and TCP",
        "DNS over TLS on 127.0.0.1:8853",
        "DNS over HTTPS on https://127.0.0.1:8443/dns-query",
        "proxy regular@127.0.0.1:8080",
        "metrics on http://127.0.0.1:9153/metrics",
        "state in /state",
    ]


def test_waits_until_ready(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said while nobody listens or the endpoint says that it is not ready."""
    endpoint = Endpoint("127.0.0.1", free_port())
    configuration = Configuration.model_validate({"listen": {"metrics": str(endpoint)}})
    statuses = ["503 Service Unavailable", "", "503 Service Unavailable", "200 OK"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status = statuses.pop(0)
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode() if status else b"")
        writer.close()

    async def test() -> None:
        announcing = asyncio.create_task(announce(configuration, ENDPOINTS))
        await asyncio.sleep(0.2)
        server = await asyncio.start_server(serve, endpoint.host, endpoint.port)
        while statuses:
            assert capsys.readouterr().err == ""
            await asyncio.sleep(0.01)
        await asyncio.wait_for(announcing, 5)
        server.close()

    asyncio.run(test())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("dnsfilter: ") for line in lines)
