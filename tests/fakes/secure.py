"""An upstream inside TLS on loopback, speaking DNS over TLS or HTTPS, that does as it is told and remembers."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

from tests.fakes.upstream import Reaction, answer

Send = Callable[[bytes], None]


class HangUp(Exception):  # noqa: N818 - what a reaction does, not an error
    """Raised by a reaction: begin an answer and close the connection in the middle."""


class SecureUpstream:
    """One upstream; `reaction` says how it reacts, `hold` how many queries it collects to answer them backwards."""

    def __init__(
        self, certificate: Path, alpn: str = "dot", reaction: Reaction = answer, *, port: int = 0, status: int = 200
    ) -> None:
        self.reaction = reaction
        self.hold = 1
        self.status = status
        self.alpn = self.offered = alpn
        self.queries: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.accepted = 0
        self._certificate = certificate
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.settimeout(10)
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        context.set_alpn_protocols([self.offered])
        with (
            contextlib.suppress(OSError, struct.error, HangUp),
            context.wrap_socket(connection, server_side=True) as tls,
        ):
            self._open.append(tls)
            (self._speak_http if self.alpn == "h2" else self._speak_dns)(tls)
        connection.close()

    def _speak_dns(self, tls: ssl.SSLSocket) -> None:
        stream = tls.makefile("rb")
        waiting = []
        while True:
            (length,) = struct.unpack("!H", stream.read(2))
            self.queries.append(stream.read(length))
            waiting.append(self.queries[-1])
            if len(waiting) >= self.hold:
                for query in reversed(waiting):
                    self._answer(query, lambda message: tls.sendall(struct.pack("!H", len(message)) + message), tls)
                waiting = []

    def _answer(self, query: bytes, send: Send, tls: ssl.SSLSocket) -> None:
        try:
            for message in self.reaction(query):
                send(message)
        except HangUp:
            tls.sendall(b"\1\0half")
            raise

    def _speak_http(self, tls: ssl.SSLSocket) -> None:
        http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        tls.sendall(http.data_to_send())
        waiting: list[tuple[int, bytes]] = []
        bodies: dict[int, bytes] = {}
        while data := tls.recv(65_536):
            try:
                for event in http.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self.headers.append(dict(event.headers))
                        bodies[event.stream_id] = b""
                    elif isinstance(event, DataReceived):
                        http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                        bodies[event.stream_id] += event.data
                    elif isinstance(event, StreamEnded):
                        self.queries.append(bodies.pop(event.stream_id))
                        waiting.append((event.stream_id, self.queries[-1]))
                if len(waiting) >= self.hold:
                    for stream, query in reversed(waiting):
                        self._respond(http, stream, query)
                    waiting = []
            except ProtocolError:
                return
            tls.sendall(http.data_to_send())

    def _respond(self, http: H2Connection, stream: int, query: bytes) -> None:
        for message in self.reaction(query)[:1]:
            http.send_headers(stream, [(":status", str(self.status)), ("content-type", "application/dns-message")])
            http.send_data(stream, message, end_stream=True)
