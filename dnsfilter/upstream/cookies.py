"""Cookies towards one upstream (RFC 7873): an answer that carries ours comes from somebody who saw the question.

The upstream knows us by our cookie and address, and has one of its own for us, which we send back.
"""

import secrets
from enum import Enum, auto
from typing import Final

from dnsfilter.errors import WireError
from dnsfilter.wire.cookie import CLIENT_SIZE, is_well_formed
from dnsfilter.wire.upstream_cookie import find_cookie
from dnsfilter.wire.upstream_query import NO_COOKIE, Opts, make_opts

_MARK: Final = b"\0\x0a\0"
"""How a cookie option begins: its code, and a length below 256. Nothing without it is worth a closer look."""


class Verdict(Enum):
    """What the cookie of a response says of it."""

    GENUINE = auto()
    FORGED = auto()
    MISSING = auto()


class Cookies:
    """Those of one upstream and one address of ours.

    `opts` goes into queries. A response with `proof` in it is genuine, and so is one without `suspect`, which is
    in every response once cookies are expected; any other is to be judged.
    """

    __slots__ = ("_client", "_server", "address", "opts", "proof", "suspect")

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = secrets.token_bytes(CLIENT_SIZE)
        self._learn(b"")

    @property
    def is_known(self) -> bool:
        """Whether the upstream has sent its own."""
        return bool(self._server)

    def judge(self, message: bytes) -> Verdict:
        """Return what a response's cookie says of it, and learn the upstream's (RFC 7873 section 5.3)."""
        cookie = None
        if _MARK in message:
            try:
                cookie = find_cookie(message)
            except WireError:
                return Verdict.FORGED
        if cookie is None:
            return Verdict.MISSING if self._server else Verdict.GENUINE
        if cookie[:CLIENT_SIZE] != self._client or not is_well_formed(cookie):
            return Verdict.FORGED
        if len(cookie) > CLIENT_SIZE:
            self._learn(cookie[CLIENT_SIZE:])
        return Verdict.GENUINE

    def forget(self) -> None:
        """Expect no more cookies of the upstream, until it sends one again."""
        self._learn(b"")

    def _learn(self, server: bytes) -> None:
        self._server = server
        self.opts = make_opts(self._client + server)
        self.proof = self._client + server if server else secrets.token_bytes(CLIENT_SIZE + 1)
        self.suspect = b"" if server else _MARK


class NoCookies:
    """In place of cookies where none are used: everything is genuine."""

    proof = b""
    suspect = b""
    opts: Opts = NO_COOKIE
    address = ""
    is_known = False

    def judge(self, _message: bytes) -> Verdict:
        """Return that nothing speaks against a response."""
        return Verdict.GENUINE

    def forget(self) -> None:
        """Do nothing: there is nothing to forget."""
