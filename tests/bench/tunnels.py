"""Load for proxies: CONNECT, a ClientHello, one request inside, as cheap as it can be made.

`python -m tests.bench.tunnels origin PORT` stands behind the proxy; `load PROXY_PORT ORIGIN_PORT CONNECTIONS
CONCURRENCY` asks through it and prints one line of JSON. Flights have the sizes of TLS 1.3, their contents a proxy that
decrypts nothing does not look at: so neither side spends time on cryptography that the proxy does not do.
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

from tests.fakes.hello import client_hello

SERVER_FLIGHT = b"\x17" * 3000
CLIENT_FLIGHT = b"\x17" * 190
RESPONSE = b"\x17" * 500
ESTABLISHED = b"HTTP/1.1 200"
NAME = "www.example.org"


@dataclass(slots=True)
class _Peer:
    """One connection of the origin, by how much it has had of the client."""

    sock: socket.socket
    hello: int
    received: int = 0
    flights: int = 0


def serve_origin(port: int) -> None:
    """Answer a hello with a flight, a request with a response and the end, until killed."""
    selector = selectors.EpollSelector()
    listening = socket.create_server(("127.0.0.1", port), backlog=4096)
    listening.setblocking(False)
    selector.register(listening, selectors.EVENT_READ)
    hello = len(client_hello(NAME))
    while True:
        for key, _ in selector.select():
            peer: _Peer | None = key.data
            if peer is None:
                sock, _ = listening.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ, _Peer(sock, hello))
            elif not _serve(peer):
                selector.unregister(peer.sock)
                peer.sock.close()


def _serve(peer: _Peer) -> bool:
    """Take what a client has sent; whether there is more to come."""
    try:
        data = peer.sock.recv(65536)
        peer.received += len(data)
        if peer.flights == 0 and peer.received >= peer.hello:
            peer.flights = 1
            peer.sock.sendall(SERVER_FLIGHT)
        if peer.flights == 1 and peer.received >= peer.hello + len(CLIENT_FLIGHT):
            peer.sock.sendall(RESPONSE)
            return False
    except OSError:
        return False
    return bool(data)


@dataclass(slots=True)
class _Tunnel:
    """One connection of the load, by what it waits for."""

    sock: socket.socket
    started: float
    step: int = 0
    received: int = 0


@dataclass(slots=True)
class _Load:
    """What is still to do and what came of the rest."""

    proxy: int
    origin: int
    left: int
    hello: bytes
    selector: selectors.EpollSelector = field(default_factory=selectors.EpollSelector)
    durations: list[float] = field(default_factory=list)
    failures: int = 0

    def open(self) -> None:
        """Begin a connection."""
        self.left -= 1
        sock = socket.create_connection(("127.0.0.1", self.proxy))
        target = b"127.0.0.1:%d" % self.origin
        sock.sendall(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target))
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, _Tunnel(sock, time.monotonic()))

    def advance(self, tunnel: _Tunnel) -> bool:
        """Go one step on; whether the connection goes on."""
        try:
            data = tunnel.sock.recv(65536)
        except OSError:
            data = b""
        tunnel.received += len(data)
        if tunnel.step == 0 and data.startswith(ESTABLISHED):
            tunnel.step, tunnel.received = 1, 0
            tunnel.sock.sendall(self.hello)
        elif tunnel.step == 1 and tunnel.received >= len(SERVER_FLIGHT):
            tunnel.step, tunnel.received = 2, 0
            tunnel.sock.sendall(CLIENT_FLIGHT)
        elif tunnel.step == 2 and tunnel.received >= len(RESPONSE):
            self.durations.append(time.monotonic() - tunnel.started)
            return False
        elif not data:
            self.failures += 1
            return False
        return True


def run_load(proxy: int, origin: int, connections: int, concurrency: int) -> dict[str, float]:
    """Open connections, so many at a time; return how many succeeded, in what time, and how long one took."""
    load = _Load(proxy, origin, connections, client_hello(NAME))
    started = time.monotonic()
    for _ in range(concurrency):
        load.open()
    while load.selector.get_map():
        for key, _ in load.selector.select(10):
            if not load.advance(key.data):
                load.selector.unregister(key.fileobj)
                key.data.sock.close()
                if load.left > 0:
                    load.open()
    ordered = sorted(load.durations)
    return {
        "connections": len(ordered),
        "failures": load.failures,
        "seconds": time.monotonic() - started,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
    }


if __name__ == "__main__":
    if sys.argv[1] == "origin":
        serve_origin(int(sys.argv[2]))
    print(json.dumps(run_load(*map(int, sys.argv[2:]))))
