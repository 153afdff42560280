"""Which name a client asks for in its TLS handshake (RFC 6066 section 3). Decides nothing.

Never compiled: a compiled class cannot inherit from one of Python's that has a dictionary.
"""

import ssl
from typing import cast


class ServerTls(ssl.SSLObject):
    """TLS of a server that knows which name the client has asked for (RFC 6066 section 3)."""

    server_name = ""


def note_server_name(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    """Remember which name the client asks for; a callback of contexts whose `sslobject_class` is `ServerTls`."""
    cast("ServerTls", tls).server_name = name or ""
