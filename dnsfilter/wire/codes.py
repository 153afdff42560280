"""Numbers of the DNS parameters registry that dnsfilter reads or writes, by the names of their RFCs."""

from enum import IntEnum
from typing import Final


class Type(IntEnum):
    """RR types and query types."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    HINFO = 13
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    DNAME = 39
    OPT = 41
    DS = 43
    RRSIG = 46
    NSEC = 47
    NSEC3 = 50
    SVCB = 64
    HTTPS = 65
    TKEY = 249
    TSIG = 250
    IXFR = 251
    AXFR = 252
    MAILB = 253
    MAILA = 254
    ANY = 255


class Class(IntEnum):
    """RR classes."""

    IN = 1
    CHAOS = 3
    ANY = 255


class Opcode(IntEnum):
    """Kinds of query."""

    QUERY = 0


class Rcode(IntEnum):
    """Response codes, extended ones included (RFC 6891 section 6.1.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16
    BADCOOKIE = 23


def rcode_text(rcode: int) -> str:
    """Return the name of a response code, `other` for those that dnsfilter does not name."""
    return _RCODE_TEXT.get(rcode, "other")


_RCODE_TEXT: Final = {int(rcode): rcode.name for rcode in Rcode}


class ExtendedError(IntEnum):
    """Extended DNS error codes (RFC 8914 section 4)."""

    OTHER = 0
    STALE_ANSWER = 3
    FORGED_ANSWER = 4
    CACHED_ERROR = 13
    BLOCKED = 15
    FILTERED = 17
    PROHIBITED = 18
    STALE_NXDOMAIN_ANSWER = 19
    NOT_SUPPORTED = 21
    NO_REACHABLE_AUTHORITY = 22
    NETWORK_ERROR = 23
    SYNTHESIZED = 29


class Option(IntEnum):
    """EDNS option codes."""

    NSID = 3
    COOKIE = 10
    TCP_KEEPALIVE = 11
    PADDING = 12
    EDE = 15
    MAC = 65001  # of the local range (RFC 6891 section 9), as dnsmasq's add-mac sends it


class Flag(IntEnum):
    """Bits of the second 16-bit word of the header (RFC 1035 section 4.1.1, RFC 4035 section 3)."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    AD = 0x0020
    CD = 0x0010


DO: Final = 0x8000
"""The DNSSEC OK bit among the EDNS flags (RFC 3225)."""

MAX_UDP_PAYLOAD: Final = 1232
"""What fits every path without fragments (DNS flag day 2020)."""

MIN_UDP_PAYLOAD: Final = 512
"""What every client takes (RFC 1035 section 4.2.1)."""
