"""Connections inside TLS to upstreams that prove who they are: by certificate (RFC 8310 section 8.1), or by their key.

The certificate's chain, validity and name are verified. Where keys are pinned (RFC 7858 section 4.2), the server must
have one of them, too; with pins and no name, that alone is the proof. TLS is asyncio's own protocol over the event
loop's plain transport, as in the server: the loop's own costs more.
"""

import asyncio
import base64
import hashlib
import ssl
from asyncio.sslproto import SSLProtocol
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from dnsfilter.errors import InputError, Problem
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream.stream import Connection, describe
from dnsfilter.values import Endpoint


class Identity(NamedTuple):
    """Who an upstream must prove to be: `ca` is a PEM file, the system's trust store where it is None."""

    hostname: str
    ca: str | None
    pins: tuple[str, ...] = ()

    @property
    def is_only_pinned(self) -> bool:
        """Whether the key is all that is known of it."""
        return bool(self.pins) and not self.hostname


def load_trust(identity: Identity, alpn: str) -> ssl.SSLContext:
    """Return a client context, the same while the file of authorities is; OSError where that cannot be used."""
    file = identity.ca or ssl.get_default_verify_paths().cafile
    changed = Path(file).stat().st_mtime_ns if file else 0
    return _make_context(identity.ca, alpn, identity.is_only_pinned, changed)


@lru_cache(maxsize=64)
def _make_context(ca: str | None, alpn: str, is_only_pinned: bool, _changed: int) -> ssl.SSLContext:  # noqa: FBT001
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    if is_only_pinned:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context


def check_trust(upstreams: tuple[Upstream, ...]) -> None:
    """Try the files of `ca`; InputError names those that cannot be used."""
    problems = []
    for index, upstream in enumerate(upstreams):
        try:
            load_trust(Identity("", upstream.ca), "dot")
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else describe(error)
            problems.append(Problem(f"{upstream.ca}: {reason}", key=f"upstreams[{index}].ca"))
    if problems:
        raise InputError(problems)


def pin_of(certificate: bytes) -> str:
    """Return the pin of a certificate's key (DER), as it is configured."""
    key = load_der_x509_certificate(certificate).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return f"sha256/{base64.b64encode(digest).decode()}"


async def connect(endpoint: Endpoint, identity: Identity, alpn: str, connection: Connection) -> None:
    """Connect a protocol; OSError where there is no way, or whoever answers does not prove who it is."""
    # Looked up for each connection, so that a renewed file counts; beside the loop, for a trust store is large.
    context = await asyncio.to_thread(load_trust, identity, alpn)
    loop = asyncio.get_running_loop()
    shaken = loop.create_future()

    def make_protocol() -> SSLProtocol:
        return SSLProtocol(
            loop, connection, context, shaken, server_side=False, server_hostname=identity.hostname or endpoint.host
        )

    transport, _ = await loop.create_connection(make_protocol, endpoint.host, endpoint.port)
    try:
        await shaken
        _check_pin(connection, identity.pins)
    except BaseException:
        transport.abort()
        raise


def _check_pin(connection: Connection, pins: tuple[str, ...]) -> None:
    if not pins:
        return
    certificate = connection.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    if pin_of(certificate) not in pins:
        raise ConnectionError("its key is none of those that are pinned")
