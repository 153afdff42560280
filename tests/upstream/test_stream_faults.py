"""What an upstream may do to a connection, and how soon its question is somebody else's; the servers are real."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from dnsfilter.upstream import stream
from dnsfilter.upstream.secure import Identity
from dnsfilter.upstream.stream import StreamUpstream
from dnsfilter.upstream.tcp import connect_tcp
from dnsfilter.upstream.tls import connect_tls
from dnsfilter.values import Endpoint
from dnsfilter.wire.upstream_query import NO_COOKIE
from tests.fakes.asking import Question, settle
from tests.fakes.descriptors import open_descriptors

Misbehave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def say_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin a message and go away."""
    await reader.readexactly(2)
    writer.write(b"\1\0half a message")
    writer.close()


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an octet now and then, for ever."""
    await reader.readexactly(2)
    writer.write(b"\1\0")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection in the middle of a message."""
    await reader.readexactly(2)
    writer.write(b"\1\0half")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def send_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send what is neither TLS nor DNS, and close."""
    await reader.readexactly(2)
    writer.write(bytes(range(256)) * 8)
    writer.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything, and keep silent."""
    while await reader.read(4096):
        pass
    writer.close()


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("misbehave", [say_half, dribble, reset, send_garbage, say_nothing])
def test_every_question_has_its_fate(monkeypatch: pytest.MonkeyPatch, misbehave: Misbehave, *, is_tls: bool) -> None:
    """Half messages, octets that dribble, resets, garbage, silence: the failure is told in time, nothing stays open."""
    monkeypatch.setattr(stream, "PATIENCE", 0.3)
    monkeypatch.setattr(stream, "SILENCE", 0.3)
    failures: list[object] = []

    async def connect(upstream: StreamUpstream) -> stream.Connection:
        if is_tls:
            return await connect_tls(upstream, endpoint, Identity("dns.example", None))
        return await connect_tcp(upstream, endpoint, lambda: NO_COOKIE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await misbehave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    async def test() -> None:
        nonlocal endpoint
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        before = open_descriptors()
        upstream = StreamUpstream("x", connect, print, lambda asked, _: failures.append(asked), print, lambda: None)
        question, started = Question(), monotonic()
        upstream.send(question)
        upstream.flush()
        while not failures and monotonic() - started < 5:
            upstream.close_retired(monotonic())
            await asyncio.sleep(0.02)
        assert failures == [question]
        upstream.close()
        await settle(lambda: not open_descriptors() - before)
        server.close()

    endpoint = Endpoint("127.0.0.1", 1)
    asyncio.run(test())
