"""An upstream on loopback, UDP and TCP on one port, that does as it is told and remembers what it was asked."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

from tests.fakes.resolving import make_response
from tests.processes import free_port

Reaction = Callable[[bytes], list[bytes]]
"""From a query to the messages that are sent back for it."""


def answer(query: bytes) -> list[bytes]:
    """Answer as asked."""
    return [make_response(query)]


def stay_silent(_query: bytes) -> list[bytes]:
    """Say nothing."""
    return []


def fail(query: bytes) -> list[bytes]:
    """Say SERVFAIL."""
    return [make_response(query, rcode=2)]


def truncate(query: bytes) -> list[bytes]:
    """Say that the answer is too long for a datagram."""
    return [make_response(query, tc=True)]


def mumble(query: bytes) -> list[bytes]:
    """Send garbage behind the right ID and question, as no parser likes it."""
    return [make_response(query)[:-3]]


def change_id(query: bytes) -> list[bytes]:
    """Answer under another ID."""
    response = make_response(query)
    return [bytes([response[0] ^ 0xFF]) + response[1:]]


def change_question(query: bytes) -> list[bytes]:
    """Answer another question."""
    response = make_response(query)
    return [response[:13] + bytes([response[13] ^ 1]) + response[14:]]


def change_case(query: bytes) -> list[bytes]:
    """Answer the question in other letters than it was asked."""
    response = make_response(query)
    end = response.index(b"\0", 12)
    return [response[:12] + response[12:end].swapcase() + response[end:]]


def echo(query: bytes) -> list[bytes]:
    """Send the query back."""
    return [query]


class FakeUpstream:
    """One upstream; `udp` and `tcp` say how it reacts. Serves in threads until it is left."""

    def __init__(self, udp: Reaction = answer, tcp: Reaction = answer) -> None:
        self.udp, self.tcp = udp, tcp
        self.queries: list[bytes] = []
        self.tcp_queries: list[bytes] = []
        self.accepted = 0
        self.peers: list[tuple[str, int]] = []
        self.port = free_port()
        self._tcp_socket = socket.create_server(("127.0.0.1", self.port))
        self._udp_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._udp_socket.bind(("127.0.0.1", self.port))
        self._is_ending = False
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._serve_udp, self._serve_tcp)]

    @property
    def text(self) -> str:
        """The upstream as the configuration names it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._tcp_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._udp_socket.close()
        self._tcp_socket.close()

    def send_late(self, index: int = -1) -> None:
        """Answer a query over UDP that was left unanswered."""
        self._udp_socket.sendto(make_response(self.queries[index]), self.peers[index])

    def send(self, message: bytes, index: int = -1) -> None:
        """Send something over UDP to whom a query came from."""
        self._udp_socket.sendto(message, self.peers[index])

    def _serve_udp(self) -> None:
        while True:
            query, peer = self._udp_socket.recvfrom(4096)
            if self._is_ending:
                return
            self.peers.append(peer)
            self.queries.append(query)
            for message in self.udp(query):
                self._udp_socket.sendto(message, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp_socket.accept()
            except OSError:
                return
            self.accepted += 1
            connection.settimeout(5)
            thread = threading.Thread(target=self._serve_connection, args=(connection,), daemon=True)
            thread.start()

    def _serve_connection(self, connection: socket.socket) -> None:
        """Answer until there is nothing to say; then close."""
        with connection, contextlib.suppress(OSError, struct.error):
            while True:
                (length,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
                query = connection.recv(length, socket.MSG_WAITALL)
                self.tcp_queries.append(query)
                messages = self.tcp(query)
                for message in messages:
                    connection.sendall(struct.pack("!H", len(message)) + message)
                if not messages:
                    return
