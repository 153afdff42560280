"""Asking an upstream over TCP."""

import asyncio
import struct
import time

import pytest

from dnsfilter.upstream import tcp
from dnsfilter.upstream.tcp import exchange
from dnsfilter.values import Endpoint
from tests.fakes.resolving import make_query, make_response
from tests.fakes.upstream import FakeUpstream, Reaction, change_id, change_question, echo
from tests.processes import free_port

QUERY = make_query()
PACKET, QUESTION = QUERY[2:], QUERY[12:-11]


def ask(port: int, question: bytes = QUESTION) -> bytes | None:
    return asyncio.run(exchange(Endpoint("127.0.0.1", port), PACKET, question))


def test_returns_the_response() -> None:
    """The response to the very query comes back, and IDs differ from one exchange to the next."""
    with FakeUpstream() as upstream:
        responses = [ask(upstream.port) for _ in range(5)]
    assert [response and response[2:] for response in responses] == [make_response(QUERY)[2:]] * 5
    assert len({query[:2] for query in upstream.tcp_queries}) > 1
    assert all(query[2:] == PACKET for query in upstream.tcp_queries)


@pytest.mark.parametrize("reaction", [change_id, change_question, echo, lambda _: [], lambda _: [b"x"]])
def test_takes_nothing_else(reaction: Reaction) -> None:
    """Wrong ID, wrong question, a query, nothing, garbage: there is no answer, and no error."""
    with FakeUpstream(tcp=reaction) as upstream:
        assert ask(upstream.port) is None


def test_nobody_listens() -> None:
    """A refused connection is no answer."""
    assert ask(free_port()) is None


@pytest.mark.parametrize("said", [b"", b"\0", struct.pack("!H", 500) + b"half"])
def test_patience_has_an_end(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream that accepts and then stays silent, even in mid-message, is given up in time."""
    monkeypatch.setattr(tcp, "TIMEOUT", 0.2)

    async def test() -> None:
        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(said)
            await asyncio.sleep(1)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        started = time.monotonic()
        port = server.sockets[0].getsockname()[1]
        assert await exchange(Endpoint("127.0.0.1", port), PACKET, QUESTION) is None
        assert time.monotonic() - started < 0.8
        server.close()

    asyncio.run(test())
