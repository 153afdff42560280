"""Events to a syslog server over TCP and TLS."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dnsfilter.delivery.stream import Syslog
from dnsfilter.model import EventKind
from dnsfilter.outgoing.message import Fate
from dnsfilter.settings.notification import EventTarget
from tests.fakes.events import message
from tests.fakes.origin import make_certificate
from tests.processes import free_port


class Collector:
    """A syslog server that reads frames by their length and can hang up."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.connections = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read frames until the end."""
        self.connections += 1
        self._writers.append(writer)
        try:
            while length := await reader.readuntil(b" "):
                self.messages.append((await reader.readexactly(int(length))).decode("ascii"))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def hang_up(self) -> None:
        """Close all connections."""
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def collecting(certificate: Path | None = None) -> AsyncIterator[Collector]:
    """Run a collector."""
    collector, context = Collector(), None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0, ssl=context)
    collector.port = server.sockets[0].getsockname()[1]
    try:
        yield collector
    finally:
        server.close()
        await collector.hang_up()


async def arrived(collector: Collector, number: int) -> list[str]:
    """Return the messages once there are so many."""
    async with asyncio.timeout(10):
        while len(collector.messages) < number:  # noqa: ASYNC110 - another task is waited for
            await asyncio.sleep(0.01)
    return collector.messages


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_sends(tmp_path: Path, scheme: str) -> None:
    """Events arrive in order on one connection, each a whole message with its line."""
    certificate = make_certificate(tmp_path, "localhost") if scheme == "tls" else None

    async def main() -> list[str]:
        async with collecting(certificate) as collector:
            target = EventTarget("tls" if certificate else "tcp", "", "localhost", collector.port)
            outlet = Syslog(target, str(certificate) if certificate else None)
            fates = [(await outlet.deliver(message(id=f"evt_{number}"))).fate for number in range(3)]
            assert fates == [Fate.DELIVERED] * 3
            found = await arrived(collector, 3)
            assert collector.connections == 1
            await outlet.close()
            return found

    messages = asyncio.run(main())
    assert [json.loads(text.partition(" - ")[2])["event"]["id"] for text in messages] == ["evt_0", "evt_1", "evt_2"]
    assert all(text.startswith("<108>1 2023-03-15T08:00:00.000Z ") for text in messages)


def test_connects_again() -> None:
    """A connection that the server has closed is noticed before the next event is written to it."""

    async def main() -> None:
        async with collecting() as collector:
            outlet = Syslog(EventTarget("tcp", "", "127.0.0.1", collector.port), None)
            for number in range(3):
                assert (await outlet.deliver(message(EventKind.AUDIT))).fate is Fate.DELIVERED
                await arrived(collector, number + 1)
                await collector.hang_up()
            assert collector.connections == 3
            await outlet.close()

    asyncio.run(main())


def test_nobody_there(tmp_path: Path) -> None:
    """A server that is down, or that does not prove who it is, blocks the outlet."""
    certificate = make_certificate(tmp_path, "localhost")

    async def main() -> None:
        down = await Syslog(EventTarget("tcp", "", "127.0.0.1", free_port()), None).deliver(message())
        async with collecting(certificate) as collector:
            impostor = await Syslog(EventTarget("tls", "", "localhost", collector.port), None).deliver(message())
            assert collector.messages == []
        assert (down.fate, impostor.fate) == (Fate.BLOCKED, Fate.BLOCKED)
        assert down.reason
        assert "certificate" in impostor.reason.lower()

    asyncio.run(main())
