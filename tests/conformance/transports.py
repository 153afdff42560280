"""One message there and one back, over each transport that dnsfilter listens on."""

import http.client
import socket
import ssl
import struct
from collections.abc import Callable

from tests.e2e.server import Server

Exchange = Callable[[Server, bytes], bytes | None]
"""From a running server and a message to its response, None where it says nothing or closes the connection."""

PATIENCE = 5.0
_MARKER = bytes.fromhex("fefe0100000100000000000009localhost0000010001".replace("localhost", b"localhost".hex()))


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


_CONTEXT = _unverified()


def over_udp(server: Server, message: bytes) -> bytes | None:
    """Ask in one datagram; whoever is silent answers the query behind it, which is always answered at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", server.port))
        client.send(message)
        if message[:2] == _MARKER[:2] or len(message) < 12 or message[2] & 0x80:
            client.send(_MARKER)
        response = client.recv(65_535)
        return None if response[:2] == _MARKER[:2] != message[:2] else response


def over_tcp(server: Server, message: bytes) -> bytes | None:
    """Ask over a connection of its own."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        return exchange_framed(client, message)


def over_tls(server: Server, message: bytes) -> bytes | None:
    """Ask inside TLS (RFC 7858)."""
    with (
        socket.create_connection(("127.0.0.1", port_of(server, "tls")), PATIENCE) as connection,
        _CONTEXT.wrap_socket(connection) as client,
    ):
        return exchange_framed(client, message)


def over_https(server: Server, message: bytes) -> bytes | None:
    """Ask by POST (RFC 8484)."""
    connection = http.client.HTTPSConnection("127.0.0.1", port_of(server, "https"), timeout=PATIENCE, context=_CONTEXT)
    try:
        connection.request("POST", "/dns-query", message, {"content-type": "application/dns-message"})
        response = connection.getresponse()
        return response.read() if response.status == http.HTTPStatus.OK else None
    finally:
        connection.close()


def exchange_framed(client: socket.socket, message: bytes) -> bytes | None:
    """Ask over an open connection."""
    client.sendall(struct.pack("!H", len(message)) + message)
    with client.makefile("rb") as stream:
        head = stream.read(2)
        return stream.read(struct.unpack("!H", head)[0]) if head else None


def port_of(server: Server, listener: str) -> int:
    """Return the port of one of the server's listeners."""
    return int(server.settings["listen"][listener][0].rpartition(":")[2])


TRANSPORTS: dict[str, Exchange] = {"udp": over_udp, "tcp": over_tcp, "tls": over_tls, "https": over_https}
