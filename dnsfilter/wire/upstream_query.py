"""The query that we send to an upstream: built from scratch, so that nothing of the client passes but the question."""

from dnsfilter.wire.codes import DO, MAX_UDP_PAYLOAD, Flag, Type
from dnsfilter.wire.query import RECORD, Query

_COUNTS = b"\0\1\0\0\0\0\0\1"
_HEAD = (Flag.RD | Flag.AD).to_bytes(2, "big") + _COUNTS
_HEAD_CHECKING_DISABLED = (Flag.RD | Flag.AD | Flag.CD).to_bytes(2, "big") + _COUNTS
_CHECKING_DISABLED = int(Flag.CD)
_OPT = b"\0" + RECORD.pack(Type.OPT, MAX_UDP_PAYLOAD, 0, 0)
_OPT_DO = b"\0" + RECORD.pack(Type.OPT, MAX_UDP_PAYLOAD, DO, 0)


def build_packet(query: Query) -> bytes:
    """Return the upstream's query behind its ID.

    DO and CD are the client's (RFC 4035 section 4.9); AD asks to be told whether the answer was validated (RFC 6840
    section 5.7); client subnet, cookies and unknown options stay here.
    """
    head = _HEAD_CHECKING_DISABLED if query.flags & _CHECKING_DISABLED else _HEAD
    return head + query.question + (_OPT_DO if query.do else _OPT)
