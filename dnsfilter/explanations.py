"""What the resolver says of its own answers (RFC 8914): versions of each, the longest first, ready to be sent."""

from dnsfilter.wire.codes import ExtendedError
from dnsfilter.wire.opt import build_extended_error

NOT_SUPPORTED = (build_extended_error(ExtendedError.NOT_SUPPORTED),)
STALE_ANSWER: tuple[bytes, ...] = (build_extended_error(ExtendedError.STALE_ANSWER),)
STALE_NXDOMAIN: tuple[bytes, ...] = (build_extended_error(ExtendedError.STALE_NXDOMAIN_ANSWER),)
CACHED_ERROR = (build_extended_error(ExtendedError.CACHED_ERROR),)
TOO_MANY = (build_extended_error(ExtendedError.OTHER, "too many queries wait"),)
UNREACHABLE = (build_extended_error(ExtendedError.NO_REACHABLE_AUTHORITY),)


def explain_refusal(text: str) -> tuple[bytes, bytes]:
    """Return what strangers are told, with a text of the operator's where it fits."""
    return build_extended_error(ExtendedError.PROHIBITED, text), build_extended_error(ExtendedError.PROHIBITED)
