"""Messages with their length in front: IDs that nobody guesses, and answers found however the stream is cut."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.upstream.framed import MAX_PIPELINED, FramedConnection
from dnsfilter.upstream.stream import StreamUpstream
from dnsfilter.wire.framing import frame
from tests.fakes.asking import Question
from tests.fakes.resolving import make_response


class Sink(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)


def make_connection(answers: list[bytes]) -> tuple[FramedConnection, Sink]:
    """Return a connection without a network; its answers gather in the list."""

    async def connect(_upstream: StreamUpstream) -> FramedConnection:
        raise ConnectionError

    upstream = StreamUpstream("x", connect, lambda _, message, __: answers.append(message), print, print, lambda: None)
    connection, sink = FramedConnection(upstream), Sink()
    connection.connection_made(sink)
    return connection, sink


def test_ids_are_unpredictable_and_never_shared() -> None:
    """All questions on the way have different IDs, in no order; the connection says when it is full."""
    connection, _ = make_connection([])
    connection.ask(Question(f"n{number}.example") for number in range(MAX_PIPELINED))
    assert connection.room == 0
    keys = [str(key) for key in connection.asked]
    assert len(keys) == MAX_PIPELINED
    assert keys != sorted(keys)


@given(cuts=st.lists(st.integers(0, 60), max_size=20), garbage=st.binary(max_size=80))
def test_answers_arrive_in_any_pieces(cuts: list[int], garbage: bytes) -> None:
    """However a stream is cut, and whatever stands between answers, an answer is found and nothing is raised."""
    answers: list[bytes] = []
    connection, sink = make_connection(answers)
    connection.ask([Question()])
    data = frame(garbage) + frame(make_response(sink.written[2:]))
    start = 0
    for cut in sorted(cuts):
        connection.data_received(data[start:cut])
        start = max(start, cut)
    connection.data_received(data[start:])
    assert len(answers) == 1
