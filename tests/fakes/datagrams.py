"""A UDP server on a real socket, and its clients."""

import select
import socket
from time import monotonic
from typing import Any

from dnsfilter.resolver import Pending
from dnsfilter.server.udp import UdpServer
from tests.fakes.resolving import make_query, make_resolver, make_response

LISTED = "www.tiktok.com"
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


class House:
    """A server and its clients; queries that want an upstream gather in `pending`."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, **configuration: Any) -> None:
        self.family = family
        self.resolver = make_resolver(**{"rate_limit": {"per_client_qps": 0}, **configuration})
        self.pending: list[Pending] = []
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((LOOPBACK[family], 0))
        self.flushes = 0
        self.server = UdpServer(
            self.socket, self.resolver, lambda pending, _: self.pending.append(pending), self.count_flush
        )
        self._clients: list[socket.socket] = []

    def client(self, address: str = "") -> socket.socket:
        """Return a socket connected to the server."""
        client = socket.socket(self.family, socket.SOCK_DGRAM)
        client.bind((address or LOOPBACK[self.family], 0))
        client.connect(self.socket.getsockname())
        client.settimeout(2)
        self._clients.append(client)
        return client

    def ask(self, client: socket.socket, query: bytes) -> bytes:
        """Send a query, let the server work, return the response."""
        client.send(query)
        self.serve()
        return client.recv(4096)

    def count_flush(self) -> None:
        """Note that the queries for upstreams are to leave."""
        self.flushes += 1

    def serve(self) -> None:
        """Let the server work as long as its socket is readable."""
        while select.select([self.socket], [], [], 0)[0]:
            self.server.on_readable()

    def resolve(self) -> None:
        """Answer everything that waits, as an upstream would."""
        for pending in self.pending:
            answer = self.resolver.accept(pending.query, make_response(make_query(pending.query.name)), monotonic())
            pending.send(pending.token, self.resolver.finish(pending, answer, monotonic()))
        self.pending.clear()
        self.server.flush()

    def close(self) -> None:
        """Close all sockets."""
        for sock in (self.socket, *self._clients):
            sock.close()


def is_quiet(client: socket.socket) -> bool:
    """Whether nothing waits for the client."""
    client.setblocking(False)
    try:
        client.recv(4096)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(2)
    return False
