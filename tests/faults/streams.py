"""Clients over TCP and TLS: asking one question at a time, and counting what became of each."""

import select
import socket
import ssl
import struct
import time
from collections import Counter

from tests.faults.background import Background
from tests.faults.programs import make_query

TIMEOUT = 10
PATIENCE = 2


def connect(port: int, *, secure: bool = False, source: str = "127.0.0.1", timeout: float = TIMEOUT) -> socket.socket:
    """Return a connection, inside TLS where asked for; nobody is authenticated."""
    connection = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
    if not secure:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection)


def frame(message: bytes) -> bytes:
    """Return a message with its length before it."""
    return struct.pack("!H", len(message)) + message


def read_message(connection: socket.socket) -> bytes:
    """Return the next message; nothing at the end of the connection."""
    head = _read(connection, 2)
    return _read(connection, int.from_bytes(head, "big")) if len(head) == 2 else b""


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            return b""
        data += more
    return data


def ask_over_tcp(port: int, name: str, timeout: float = TIMEOUT) -> bytes:
    """Return the answer that a new connection gets, nothing without one."""
    try:
        with connect(port, timeout=timeout) as connection:
            connection.sendall(frame(make_query(name, 1)))
            return read_message(connection)
    except OSError:
        return b""


class Asker(Background):
    """Asks at a steady pace over a connection that it keeps, or over a new one each time; begins anew after an end.

    Outcomes are `answered`, `closed` (an end instead of an answer), `reset`, `refused` and `silent`.
    """

    def __init__(self, port: int, name: str, pause: float, *, keeps: bool) -> None:
        super().__init__()
        self.outcomes: Counter[str] = Counter()
        self._port, self._name, self._pause, self._keeps = port, name, pause, keeps
        self._connection: socket.socket | None = None

    def run(self) -> None:
        """Ask until told to end."""
        while not self.ending.wait(self._pause):
            self.outcomes[self._ask()] += 1
        self._drop()

    def _ask(self) -> str:
        try:
            connection = self._take()
            connection.sendall(frame(make_query(self._name, 1)))
            outcome = "answered" if read_message(connection) else "closed"
        except ConnectionResetError:
            outcome = "reset"
        except ConnectionRefusedError:
            outcome = "refused"
        except OSError:
            outcome = "silent"
        if outcome != "answered" or not self._keeps:
            self._drop()
        return outcome

    def _take(self) -> socket.socket:
        """Return the connection; another one when the server has ended it since."""
        if self._connection and select.select([self._connection], [], [], 0)[0]:
            self._drop()
        if not self._connection:
            self._connection = connect(self._port)
        return self._connection

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def measure_connection(port: int, name: str) -> float:
    """Return the milliseconds from the first packet of a new TCP connection to its answer, infinite without one."""
    begin = time.perf_counter()
    answer = ask_over_tcp(port, name, PATIENCE)
    return (time.perf_counter() - begin) * 1000 if answer else float("inf")
