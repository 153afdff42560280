"""The internet of a test, in a network namespace: every address it is given, on every port that matters.

    python internet.py CERTIFICATE ADDRESS...

Speaks TLS and QUIC on 443, is a parent proxy on 3128 that leads every CONNECT to itself, says hello elsewhere, and
answers every other datagram as an empty DNS response. Writes a line for whatever reaches it: `tcp PORT TO FROM`,
`udp ...`, `connect NAME`.
"""

import asyncio
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from aioquic.asyncio.server import QuicServer
from aioquic.quic.configuration import QuicConfiguration

TCP_PORTS = (22, 53, 80, 443, 853, 3128)
UDP_PORTS = (53, 853, 4500)
QUIC_PORT = 443
PARENT_PORT = 3128
READY = "the internet is there"

_BODY = b"hello from the internet\n"
_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_WAIT_SECONDS = 20
_RESPONSE = b"\x81\x80"


def tell(*words: object) -> None:
    """Write one line, at once and as a whole."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def listen(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    """Return a socket bound to one address."""
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, port))
    return listening


def accept(listening: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """Tell of every connection and serve it on a thread of its own."""
    listening.listen(1024)
    address, port = listening.getsockname()[:2]
    while True:
        connection, peer = listening.accept()
        tell("tcp", port, address, peer[0])
        connection.settimeout(_WAIT_SECONDS)
        threading.Thread(target=serve_until_it_ends, args=(serve, connection), daemon=True).start()


def serve_until_it_ends(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    """Serve a connection; that it breaks is the peer's matter."""
    try:
        with connection:
            serve(connection)
    except OSError:
        return


def say_hello(connection: socket.socket) -> None:
    """Answer whatever request comes."""
    connection.recv(65_536)
    connection.sendall(_HEAD + _BODY)


def secure(context: ssl.SSLContext, connection: socket.socket) -> None:
    """Say hello inside TLS."""
    with context.wrap_socket(connection, server_side=True) as stream:
        say_hello(stream)


def be_parent(context: ssl.SSLContext, connection: socket.socket) -> None:
    """Tell whom a client of this proxy wants, and be that one."""
    tell("connect", connection.recv(65_536).split()[1].decode())
    connection.sendall(_ESTABLISHED)
    secure(context, connection)


def answer(bound: socket.socket) -> None:
    """Tell of every datagram, and send it back as a response without records."""
    address, port = bound.getsockname()[:2]
    while True:
        datagram, peer = bound.recvfrom(65_536)
        tell("udp", port, address, peer[0])
        bound.sendto(datagram[:2] + _RESPONSE + datagram[4:], peer)


class Quic(QuicServer):
    """Accepts QUIC connections, and tells of every datagram."""

    def __init__(self, address: str, configuration: QuicConfiguration) -> None:
        super().__init__(configuration=configuration)
        self._address = address

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        """Tell of a datagram and take it."""
        tell("udp", QUIC_PORT, self._address, addr[0])
        super().datagram_received(data, addr)


async def be_quic(certificate: Path, addresses: Sequence[str]) -> None:
    """Accept QUIC at all addresses until killed."""
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    for address in addresses:
        make = partial(Quic, address, configuration)
        await loop.create_datagram_endpoint(make, sock=listen(socket.SOCK_DGRAM, address, QUIC_PORT))
    tell(READY)
    await asyncio.Event().wait()


def main(certificate: str, addresses: Sequence[str]) -> None:
    """Be at all addresses until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(certificate))
    special = {443: partial(secure, context), 853: partial(secure, context), PARENT_PORT: partial(be_parent, context)}
    for address in addresses:
        for port in TCP_PORTS:
            listening = listen(socket.SOCK_STREAM, address, port)
            threading.Thread(target=accept, args=(listening, special.get(port, say_hello)), daemon=True).start()
        for port in UDP_PORTS:
            threading.Thread(target=answer, args=(listen(socket.SOCK_DGRAM, address, port),), daemon=True).start()
    asyncio.run(be_quic(Path(certificate), addresses))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
