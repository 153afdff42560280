"""DNS over TLS (RFC 7858): the connections of `tcp` inside TLS, with padding for clients that pad."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import ClassVar, cast

from dnsfilter.errors import InputError, Problem, WireError
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.server.encryption import Encryption, is_whole_record
from dnsfilter.server.servername import ServerTls, note_server_name
from dnsfilter.server.tcp import Connection, TcpServer
from dnsfilter.settings.resolver import Certificate
from dnsfilter.wire.padding import pad, wants_padding
from dnsfilter.wire.query import Query

_PADDING_HINT = b"\0\x0c"

_log = logging.getLogger("dnsfilter.tls")


def load_certificate(certificate: Certificate) -> ssl.SSLContext:
    """Return a server context for a chain and its key; InputError names the file that cannot be used."""
    files = {"chain": certificate.chain, "key": certificate.key}
    reasons = {key: reason for key, file in files.items() if (reason := _find_obstacle(Path(file)))}
    if reasons:
        raise InputError(
            Problem(f"{files[key]}: {reason}", key=f"listen.certificate.{key}") for key, reason in reasons.items()
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate.chain, certificate.key)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        place = f"{certificate.chain}, {certificate.key}"
        raise InputError([Problem(f"{place}: {reason}", key="listen.certificate")]) from None
    return context


def _find_obstacle(file: Path) -> str:
    """Return why a file cannot be read, nothing where it can."""
    try:
        with file.open("rb"):
            return ""
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


class PaddedConnection(Connection):
    """One client connection inside TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn what the client calls itself: the label before our own name."""
        super().connection_made(transport)
        label, _, rest = transport.get_extra_info("ssl_object").server_name.partition(".")
        server = cast("TlsServer", self._server)
        self.name = label if server.name and rest.lower() == server.name else ""

    def finish(self) -> None:
        """Say that nothing more will come, and close (RFC 8446 section 6.1)."""
        self._is_finished = True
        self._transport.close()

    def _answer(self, message: bytes, now: float) -> bytes | Pending | None:
        result = super()._answer(message, now)
        if isinstance(result, bytes) and _PADDING_HINT in message:
            try:
                return pad(result) if wants_padding(Query(message)) else result
            except WireError:
                return result
        if isinstance(result, Pending) and wants_padding(result.query):
            result.token = pad
        return result

    def _send_later(self, token: object, response: bytes) -> None:
        super()._send_later(None, pad(response) if token is pad else response)


class TlsServer(TcpServer):
    """Makes the encrypted connections of one worker."""

    transport: ClassVar[Transport] = Transport.TLS
    protocols: ClassVar[tuple[str, ...]] = ("dot",)
    """The ALPN identifiers of what is spoken inside."""

    connection: ClassVar[type[PaddedConnection]] = PaddedConnection
    name: str | None = None
    _context: ssl.SSLContext | None = None

    def adopt(self, certificate: Certificate | None, name: str | None = None) -> None:
        """Use this certificate for new connections; one that cannot be loaded leaves the last good one in use.

        `name` is the resolver's own, below which clients name themselves.
        """
        self.name = name
        if certificate is None:
            return
        try:
            context = load_certificate(certificate)
        except InputError as error:
            _log.error("%s; the certificate in use stays", error)
            return
        context.set_alpn_protocols(self.protocols)
        context.sslobject_class = ServerTls
        context.sni_callback = note_server_name
        self._context = context

    @staticmethod
    def is_enough(data: bytes) -> bool:
        """Whether the first octets of a connection are something to do: a whole record."""
        return is_whole_record(data)

    def make_connection(self, client: bytes = b"", stated: str = "") -> asyncio.Protocol:
        """Return the protocol of a new connection: TLS, and DNS inside it."""
        self.precedence.give()
        inside = self.connection(self, client, stated)
        return cast("asyncio.Protocol", Encryption(inside, cast("ssl.SSLContext", self._context), self.precedence))
