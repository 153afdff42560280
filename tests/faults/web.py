"""DNS over HTTPS as a client that sends anything asks: one request over a new connection, by either version of HTTP."""

import socket
import ssl
from base64 import urlsafe_b64encode

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, StreamEnded, StreamReset

TIMEOUT = 5
MEDIA_TYPE = "application/dns-message"


def ask_over_https(port: int, message: bytes, *, method: str, alpn: str) -> None:
    """Send a message by GET or POST and wait until it is answered or refused; OSError where the connection ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    path = "/dns-query"
    if method == "GET":
        path += f"?dns={urlsafe_b64encode(message).decode().rstrip('=')}"
        message = b""
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), TIMEOUT)) as connection:
        (_ask_by_2 if alpn == "h2" else _ask_by_1)(connection, method, path, message)


def _ask_by_1(connection: ssl.SSLSocket, method: str, path: str, body: bytes) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: dns.example\r\nConnection: close\r\n"
    if body:
        head += f"Content-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
    connection.sendall(head.encode() + b"\r\n" + body)
    while connection.recv(65_536):
        pass


def _ask_by_2(connection: ssl.SSLSocket, method: str, path: str, body: bytes) -> None:
    http = H2Connection(H2Configuration(client_side=True))
    http.initiate_connection()
    fields = [(":method", method), (":scheme", "https"), (":authority", "dns.example"), (":path", path)]
    http.send_headers(1, [*fields, ("content-type", MEDIA_TYPE)] if body else fields, end_stream=not body)
    while True:
        if body and (room := min(len(body), http.local_flow_control_window(1), http.max_outbound_frame_size)):
            http.send_data(1, body[:room], end_stream=room == len(body))
            body = body[room:]
            continue
        connection.sendall(http.data_to_send())
        events = http.receive_data(connection.recv(65_536))
        if any(isinstance(event, StreamEnded | StreamReset | ConnectionTerminated) for event in events):
            return
