"""A client that pipelines a million queries on one connection, and reads answers or not."""

import socket
import threading
import time

from tests.faults.load import Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.programs import make_query
from tests.faults.streams import connect, frame
from tests.faults.usage import resident_megabytes

STREAMS = [Stream("blocked", "blocked.example", 250), Stream("cached", "c#.cached.example", 250, 100)]
CHUNK = 500
SECONDS = 120
SILENT_SECONDS = 5


class Reader(threading.Thread):
    """Counts the octets that come over a connection until it ends or is silent."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(daemon=True)
        self.octets = 0
        self._connection = connection

    def run(self) -> None:
        """Read."""
        try:
            while data := self._connection.recv(1 << 18):
                self.octets += len(data)
        except OSError:
            return


def pipeline(port: int, number: int) -> tuple[int, int, float]:
    """Ask so many queries without waiting; return how many were sent and answered, and the seconds it took."""
    message = frame(make_query("blocked.example", 1))
    begin, sent = time.monotonic(), 0
    with connect(port, timeout=SILENT_SECONDS) as connection:
        connection.sendall(message)
        size = len(connection.recv(65_536))
        reader = Reader(connection)
        reader.start()
        try:
            while sent < number and time.monotonic() < begin + SECONDS:
                connection.sendall(message * CHUNK)
                sent += CHUNK
        except OSError:
            pass
        while reader.is_alive() and reader.octets < sent * size:
            time.sleep(0.01)
    return sent, reader.octets // size, time.monotonic() - begin


def flood_without_reading(port: int, number: int) -> int:
    """Ask without ever reading; return how many queries the server took before it would take no more."""
    message, sent = frame(make_query("blocked.example", 1)), 0
    with connect(port, timeout=2) as connection:
        try:
            while sent < number:
                connection.sendall(message * CHUNK)
                sent += CHUNK
        except OSError:
            return sent
    return sent


def run(trial: Trial) -> list[Measure]:
    """Pipeline on one connection, then flood on another that is not read, while others ask over UDP."""
    server = trial.start()
    number = trial.choose(1_000_000, 20_000)
    trial.warm(server.port, STREAMS)
    before = resident_megabytes(server.pids())
    load = trial.load(server.port, STREAMS)
    sent, answered, seconds = pipeline(server.port, number)
    between = resident_megabytes(server.pids())
    taken = flood_without_reading(server.port, number)
    after = resident_megabytes(server.pids())
    sample = load.end().of()
    return [
        count("not answered", sent - answered + number - sent),
        count("lost by others", sample.lost),
        milliseconds("p99 of others", sample.milliseconds(0.99)),
        Measure("memory grew by", round(max(between, after) - before, 1), 30, "MB"),
        Measure("pipelined", round(number / seconds), None, "queries/s"),
        count("taken from who does not read", taken, None),
    ]


ROW = Row(
    "pipelined",
    "1,000,000 queries pipelined on one TCP connection, and by a client that never reads",
    "all answered, memory grows by <= 30 MB, others lose nothing",
    run,
)
