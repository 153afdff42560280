"""Thousands of connections that say nothing, or one octet at a time."""

import resource
import socket
import time
from contextlib import ExitStack

from tests.fakes.origin import make_certificate
from tests.faults.load import Result, Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.programs import make_query
from tests.faults.streams import connect, frame, measure_connection

STREAMS = [Stream("blocked", "blocked.example", 250), Stream("cached", "c#.cached.example", 250, 100)]
DESCRIPTORS = 20_000
OPENING_SECONDS = 20
PER_ADDRESS = 50
"""Connections from one address: many clients with few each, as no limit on one client is meant here."""


def source_of(number: int) -> str:
    """Return the address of the client that makes a connection."""
    client = number // PER_ADDRESS
    return f"127.0.{1 + client // 250}.{1 + client % 250}"


def open_connections(port: int, number: int, first: int, stack: ExitStack, seconds: float = 5) -> list[socket.socket]:
    """Open connections as fast as they are taken, for some seconds at most."""
    opened: list[socket.socket] = []
    deadline = time.monotonic() + seconds
    for index in range(number):
        if time.monotonic() > deadline:
            break
        try:
            opened.append(stack.enter_context(connect(port, source=source_of(first + index), timeout=2)))
        except OSError:
            continue
    return opened


def is_open(connection: socket.socket) -> bool:
    """Whether the server has not ended a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def dribble(connections: list[socket.socket], octet: bytes) -> None:
    """Send one octet on each connection."""
    for connection in connections:
        try:
            connection.send(octet)
        except OSError:
            continue


def run(trial: Trial) -> list[Measure]:
    """Open the idle ones, then the slow ones, half of those to the port of TLS; ask over UDP and TCP meanwhile."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, DESCRIPTORS), hard))
    idle, slow = trial.choose((10_000, 1_000), (1_200, 60))
    certificate = make_certificate(trial.directory, "dns.example") if trial.server != "dnsmasq" else None
    server = trial.start(certificate=certificate)
    trial.warm(server.port, STREAMS)
    load = trial.load(server.port, STREAMS)
    time.sleep(trial.choose(4, 1))
    crowded = time.monotonic()
    with ExitStack() as stack:
        silent = open_connections(server.port, idle, 0, stack, OPENING_SECONDS)
        sluggish = open_connections(server.tls_port or server.port, slow // 2, idle, stack)
        sluggish += open_connections(server.port, slow - slow // 2, idle + slow, stack)
        times = []
        for octet in frame(make_query("c1.cached.example", 1))[: trial.choose(20, 5)]:
            dribble(sluggish, bytes([octet]))
            times.append(measure_connection(server.port, "c1.cached.example"))
            time.sleep(0.2)
        end = time.monotonic()
        states = [is_open(connection) for connection in silent]
        result = load.end()
    return judge(result, (crowded, end), times, states)


def judge(result: Result, crowd: tuple[float, float], times: list[float], states: list[bool]) -> list[Measure]:
    """Return the figures; `states` says of each silent connection, oldest first, whether it is still open."""
    before, during = result.of().between(0, crowd[0]), result.of().between(*crowd)
    older, newer = states[: len(states) // 2], states[len(states) // 2 :]
    return [
        count("lost over UDP", during.lost),
        milliseconds("UDP p99 more than before", during.milliseconds(0.99) - before.milliseconds(0.99), 1),
        count("new TCP queries unanswered", sum(each == float("inf") for each in times)),
        milliseconds("longest new TCP query", max(times), 50),
        count("older half open more often than the newer by", max(0, sum(older) - sum(newer))),
        count("taken", len(states), None),
        count("still open", sum(states), None),
    ]


ROW = Row(
    "crowd",
    "10,000 idle and 1,000 slow TCP/TLS connections",
    "UDP p99 unchanged by 1 ms, a new TCP query <= 50 ms, oldest idle shed",
    run,
)
