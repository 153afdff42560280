"""Origin servers that count who comes: one speaks TLS under a certificate of its own, one plain HTTP."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BODY = b"hello from the origin\n"
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n" % len(BODY)
_CLOSING = _RESPONSE + b"Connection: close\r\n\r\n" + BODY
_STAYING = _RESPONSE + b"\r\n" + BODY
ISSUER = "origin of the test"


def make_certificate(directory: Path, *names: str, lives: timedelta = timedelta(days=1)) -> Path:
    """Return a PEM file with a self-signed certificate for the names (or addresses) and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lives)
        .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = directory / "origin.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *form)
    )
    return path


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Origin:
    """A server on loopback; `accepted` counts the TCP connections that it has seen.

    With `keeps` it leaves it to others to end a connection, and takes everything that comes over it for more requests.
    """

    def __init__(self, certificate: Path | None = None, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self.accepted = 0
        self.requests: list[bytes] = []
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            stream = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with stream:
                while data := stream.recv(65_536):
                    self.requests.append(data)
                    stream.sendall(_STAYING if self._keeps else _CLOSING)
                    if not self._keeps:
                        return
        except OSError:
            connection.close()
