"""The query that we send to an upstream: built from scratch, so that nothing of the client passes but the question."""

from typing import Final

from dnsfilter.wire.codes import DO, MAX_UDP_PAYLOAD, Flag, Option, Type
from dnsfilter.wire.opt import build_option
from dnsfilter.wire.query import RECORD, Query

_COUNTS: Final = b"\0\1\0\0\0\0\0\1"
_HEAD: Final = (Flag.RD | Flag.AD).to_bytes(2, "big") + _COUNTS
_HEAD_CHECKING_DISABLED: Final = (Flag.RD | Flag.AD | Flag.CD).to_bytes(2, "big") + _COUNTS
_CHECKING_DISABLED: Final = int(Flag.CD)

Opts = tuple[bytes, bytes]
"""The OPT record of our queries, without and with DO."""


def make_opts(cookie: bytes = b"") -> Opts:
    """Return our OPT records, with a cookie where one is given (RFC 7873 section 4)."""
    option = build_option(Option.COOKIE, cookie) if cookie else b""
    without, with_do = (b"\0" + RECORD.pack(Type.OPT, MAX_UDP_PAYLOAD, do, len(option)) + option for do in (0, DO))
    return without, with_do


NO_COOKIE: Final = make_opts()


def build_packet(query: Query, question: bytes, opts: Opts = NO_COOKIE) -> bytes:
    """Return the upstream's query behind its ID.

    DO and CD are the client's (RFC 4035 section 4.9); AD asks to be told whether the answer was validated (RFC 6840
    section 5.7); client subnet, cookies and unknown options of the client stay here.
    """
    return (_HEAD_CHECKING_DISABLED if query.flags & _CHECKING_DISABLED else _HEAD) + question + opts[query.do]
