"""Connections inside TLS to upstreams whose certificate is verified: chain, validity, and name (RFC 8310 section 5.1).

TLS is asyncio's own protocol over the event loop's plain transport, as in the server: the loop's own costs more.
"""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import NamedTuple

from dnsfilter.errors import InputError, Problem
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream.stream import Connection, describe
from dnsfilter.values import Endpoint


class Identity(NamedTuple):
    """Who an upstream must prove to be: `ca` is a PEM file, the system's trust store where it is None."""

    hostname: str
    ca: str | None


def load_trust(ca: str | None, alpn: str) -> ssl.SSLContext:
    """Return a client context; OSError where the file cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    context.set_alpn_protocols([alpn])
    return context


def check_trust(upstreams: tuple[Upstream, ...]) -> None:
    """Try the files of `ca`; InputError names those that cannot be used."""
    problems = []
    for index, upstream in enumerate(upstreams):
        try:
            load_trust(upstream.ca, "dot")
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else describe(error)
            problems.append(Problem(f"{upstream.ca}: {reason}", key=f"upstreams[{index}].ca"))
    if problems:
        raise InputError(problems)


async def connect(endpoint: Endpoint, identity: Identity, alpn: str, connection: Connection) -> None:
    """Connect a protocol; OSError where there is no way, or whoever answers does not prove who it is."""
    # Read anew for each connection, so that a renewed file counts; beside the loop, for a trust store is large.
    context = await asyncio.to_thread(load_trust, identity.ca, alpn)
    loop = asyncio.get_running_loop()
    shaken = loop.create_future()

    def make_protocol() -> SSLProtocol:
        return SSLProtocol(
            loop, connection, context, shaken, server_side=False, server_hostname=identity.hostname or endpoint.host
        )

    transport, _ = await loop.create_connection(make_protocol, endpoint.host, endpoint.port)
    try:
        await shaken
    except BaseException:
        transport.abort()
        raise
