"""What follows from the EDNS options of a query alone: which options the response carries, and whether it is answered.

Server cookies (RFC 7873, RFC 9018), NSID (RFC 5001), edns-tcp-keepalive (RFC 7828). `now` is seconds since the epoch.
"""

from collections.abc import Sequence

from dnsfilter.config import Configuration
from dnsfilter.model import Transport
from dnsfilter.settings.edns import nsid_octets
from dnsfilter.wire.codes import Option, Rcode
from dnsfilter.wire.cookie import (
    CLIENT_SIZE,
    MAX_AGE,
    MAX_AHEAD,
    RENEWAL_AGE,
    age_of,
    is_ours,
    is_well_formed,
    make_server_cookie,
)
from dnsfilter.wire.opt import build_option
from dnsfilter.wire.query import Query

MAX_KNOWN = 20_000
"""How many cookies that were found to be ours are kept, so that they need no hash the next time."""

_TENTHS = 10
_MAX_TIMEOUT = 0xFFFF
_NSID, _COOKIE, _KEEPALIVE = int(Option.NSID), int(Option.COOKIE), int(Option.TCP_KEEPALIVE)
_CONNECTIONS = (Transport.TCP, Transport.TLS)
"""Transports whose connections are DNS's own; those of HTTPS are HTTP's."""


class Edns:
    """Decides by one configuration; the first of the secrets makes cookies, all are good for those that come back."""

    def __init__(self, configuration: Configuration, secrets: Sequence[bytes]) -> None:
        nsid, idle = nsid_octets(configuration.nsid), configuration.connections.idle
        self._nsid = build_option(_NSID, nsid) if nsid else b""
        timeout = min(int(idle.total_seconds() * _TENTHS), _MAX_TIMEOUT)
        self._keepalive = build_option(_KEEPALIVE, timeout.to_bytes(2, "big"))  # RFC 7828 section 3.1: in 100 ms
        self._require = configuration.cookies.require
        self._secrets = tuple(secrets)
        self._known: dict[tuple[bytes, bytes], bool] = {}

    def prepare(self, query: Query, address: bytes, transport: Transport, now: float) -> Rcode:
        """Decide the options of the response to a query; return NOERROR, or the rcode to answer it with instead."""
        options = query.options
        if _NSID in options:
            query.reply_options += self._nsid
        keepalive = options.get(_KEEPALIVE)
        if keepalive is not None:
            query.is_shareable = False  # the same octets mean nothing over UDP
            if transport in _CONNECTIONS:
                if keepalive:
                    return Rcode.FORMERR  # RFC 7828 section 3.2.1
                query.reply_options += self._keepalive
        cookie = options.get(_COOKIE)
        if cookie is None or not self._secrets:
            return Rcode.NOERROR
        query.is_shareable = False
        return self._prepare_cookie(query, cookie, address, transport, now)

    def _prepare_cookie(self, query: Query, cookie: bytes, address: bytes, transport: Transport, now: float) -> Rcode:
        """Verify a cookie and answer with one that is good for the next time."""
        if not is_well_formed(cookie):
            return Rcode.FORMERR
        has_server_cookie = len(cookie) > CLIENT_SIZE
        is_current = self._is_current(cookie, address, now) if has_server_cookie else None
        query.has_valid_cookie = bool(has_server_cookie and is_current is not None)
        if not is_current:
            client = cookie[:CLIENT_SIZE]
            cookie = client + make_server_cookie(self._secrets[0], client, address, now)
        query.reply_options += build_option(_COOKIE, cookie)
        if query.has_valid_cookie:
            return Rcode.NOERROR
        if not query.question:  # RFC 7873 section 5.4
            return Rcode.BADCOOKIE if has_server_cookie else Rcode.NOERROR
        return Rcode.BADCOOKIE if self._require and transport is Transport.UDP else Rcode.NOERROR

    def _is_current(self, cookie: bytes, address: bytes, now: float) -> bool | None:
        """Whether a valid cookie need not be renewed; None where it is not valid."""
        key = (cookie, address)
        is_of_first = self._known.get(key)
        if is_of_first is None:
            secret = next((secret for secret in self._secrets if is_ours(secret, cookie, address)), None)
            if secret is None:
                return None
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            is_of_first = self._known[key] = secret == self._secrets[0]
        age = age_of(cookie, now)
        if not -MAX_AHEAD <= age <= MAX_AGE:
            return None
        return is_of_first and age <= RENEWAL_AGE
