"""Tells whoever started dnsfilter where it listens, once it does."""

import asyncio
import sys
from collections.abc import Iterable, Iterator

from dnsfilter.config import Configuration
from dnsfilter.values import Endpoint

POLL_SECONDS = 0.1
_READY = b"200"


async def announce(configuration: Configuration, endpoints: Iterable[Endpoint]) -> None:
    """Wait until the workers answer, then print one line per listener to standard error."""
    while not await _is_ready(configuration.listen.metrics):  # noqa: ASYNC110 - another process is waited for
        await asyncio.sleep(POLL_SECONDS)
    for line in describe(configuration, endpoints):
        print(f"dnsfilter: {line}", file=sys.stderr, flush=True)  # noqa: T201 - this is what it is for


def describe(configuration: Configuration, endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """Yield one line per listener, and where the state is; `endpoints` are those that DNS is served on."""
    for endpoint in endpoints:
        yield f"DNS on {endpoint}, UDP and TCP"
    for endpoint in configuration.listen.tls:
        yield f"DNS over TLS on {endpoint}"
    for endpoint in configuration.listen.https:
        yield f"DNS over HTTPS on https://{endpoint}/dns-query"
    for mode in configuration.proxy.listen:
        yield f"proxy {mode}"
    yield f"metrics on http://{configuration.listen.metrics}/metrics"
    yield f"state in {configuration.state}"


async def _is_ready(endpoint: Endpoint) -> bool:
    try:
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        try:
            writer.write(f"GET /readyz HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n\r\n".encode())
            return (await reader.readline()).split()[1:2] == [_READY]
        finally:
            writer.close()
    except (OSError, ValueError):
        return False
