"""What is particular to DNS over TLS towards an upstream; the rest is proven with `stream`."""

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.upstream.stream import StreamUpstream
from dnsfilter.upstream.tls import MAX_PIPELINED, TlsConnection
from dnsfilter.wire.framing import frame
from tests.fakes.asking import Asking, Question
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import make_response
from tests.fakes.secure import SecureUpstream
from tests.fakes.upstream import answer, change_case, change_id, echo


class Sink(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)


def make_connection(answers: list[bytes]) -> tuple[TlsConnection, Sink]:
    """Return a connection without a network; its answers gather in the list."""

    async def connect(_upstream: StreamUpstream) -> TlsConnection:
        raise ConnectionError

    upstream = StreamUpstream("x", connect, lambda _, message, __: answers.append(message), print, print, lambda: None)
    connection, sink = TlsConnection(upstream), Sink()
    connection.connection_made(sink)
    return connection, sink


def test_lies_are_counted_and_waited_out(tmp_path: Path) -> None:
    """Another ID, other letters, a query: counted and passed over; the truth behind them is taken."""
    certificate = make_certificate(tmp_path, "dns.example")

    async def test() -> None:
        def lie(query: bytes) -> list[bytes]:
            return [*change_id(query), *change_case(query), *echo(query), b"", b"x", *answer(query)]

        with SecureUpstream(certificate, reaction=lie) as server:
            asking = Asking(server, certificate)
            await asking.resolve(Question())
            assert len(asking.answers) == 1
            assert asking.upstream.mismatches == 5
            asking.upstream.close()

    asyncio.run(test())


def test_ids_are_unpredictable_and_never_shared() -> None:
    """All questions on the way have different IDs, in no order; the connection says when it is full."""
    connection, _ = make_connection([])
    connection.ask(Question(f"n{number}.example") for number in range(MAX_PIPELINED))  # type: ignore[arg-type]
    assert connection.room == 0
    keys = [str(key) for key in connection.asked]
    assert len(keys) == MAX_PIPELINED
    assert keys != sorted(keys)


@given(cuts=st.lists(st.integers(0, 60), max_size=20), garbage=st.binary(max_size=80))
def test_answers_arrive_in_any_pieces(cuts: list[int], garbage: bytes) -> None:
    """However a stream is cut, and whatever stands between answers, an answer is found and nothing is raised."""
    answers: list[bytes] = []
    connection, sink = make_connection(answers)
    connection.ask([Question()])  # type: ignore[list-item] # as the forwarder's
    data = frame(garbage) + frame(make_response(sink.written[2:]))
    start = 0
    for cut in sorted(cuts):
        connection.data_received(data[start:cut])
        start = max(start, cut)
    connection.data_received(data[start:])
    assert len(answers) == 1
