"""DNS over HTTPS as HTTP sees it (RFC 8484): request -> DNS message or the status that refuses it; fields of responses.

Knows no version of HTTP and no connection.
"""

import re
from binascii import Error, a2b_base64
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from dnsfilter.errors import DnsfilterError
from dnsfilter.wire.framing import MAX_MESSAGE

PATH = b"/dns-query"
_NAMED_PATH = re.compile(rb"/dns-query/([\w.~%-]{1,200})(?=$|\?)")
MEDIA_TYPE = b"application/dns-message"
MAX_PATH = 8192
MAX_FIELDS = 32 * 1024
"""How many octets the fields of one request may have."""

MAX_HELD = 256 * 1024
"""How many octets a connection may make us hold: of requests not complete, or of responses that it does not take."""

Fields = tuple[tuple[bytes, bytes], ...]

_ACCEPTED = (MEDIA_TYPE, b"application/*", b"*/*")
_METHODS = b"GET, HEAD, POST"
_NOT_WANTED = re.compile(rb"q=0(\.0*)?")
_ALPHABET = bytes.maketrans(b"-_+/=", b"+/!!!")
"""base64url to base64; what only base64 has becomes what neither has (RFC 8484 section 6)."""


class HttpError(DnsfilterError):
    """The connection cannot go on."""


class Request(NamedTuple):
    """A complete request; the body is None where it is longer than any DNS message."""

    stream: int
    method: bytes
    path: bytes
    fields: dict[bytes, bytes]
    body: bytes | None


class Refusal(NamedTuple):
    """What is wrong with a request, as a status, and the field that says what would be right."""

    status: int
    fields: Fields = ()


BAD_REQUEST = Refusal(400)
NOT_FOUND = Refusal(404)
NOT_ALLOWED = Refusal(405, ((b"allow", _METHODS),))
NOT_ACCEPTABLE = Refusal(406)
TOO_LARGE = Refusal(413)
PATH_TOO_LONG = Refusal(414)
NO_DNS_MESSAGE = Refusal(415, ((b"accept-post", MEDIA_TYPE),))


def read_query(request: Request) -> bytes | Refusal:
    """Return the DNS message that a request carries."""
    if len(request.path) > MAX_PATH:
        return PATH_TOO_LONG
    path, _, parameters = request.path.partition(b"?")
    if path != PATH and not _NAMED_PATH.fullmatch(path):
        return NOT_FOUND
    if request.method not in (b"GET", b"HEAD", b"POST"):
        return NOT_ALLOWED
    accept = request.fields.get(b"accept", b"")
    if accept and accept not in _ACCEPTED and not _accepts(accept):
        return NOT_ACCEPTABLE
    return _read_body(request) if request.method == b"POST" else _read_parameters(parameters)


def read_name(request: Request) -> str:
    """Return what the client calls itself in the path, empty where it does not."""
    found = _NAMED_PATH.match(request.path)
    return unquote_to_bytes(found[1]).decode(errors="replace") if found else ""


@lru_cache(1024)
def response_fields(length: int, max_age: int, second: int) -> Fields:
    """Return the fields of a DNS response; `second` is the time since the epoch."""
    return (
        (b"content-type", MEDIA_TYPE),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"max-age=%d" % max_age),
        (b"date", _date(second)),
    )


def refusal_fields(refusal: Refusal, second: int) -> Fields:
    """Return the fields of a refusal, which has no body."""
    return (*refusal.fields, (b"content-length", b"0"), (b"date", _date(second)))


@lru_cache(2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def _accepts(accept: bytes) -> bool:
    """Whether an Accept field admits DNS messages (RFC 9110 section 12.5.1)."""
    for item in accept.split(b","):
        media_type, *parameters = [part.strip().lower() for part in item.split(b";")]
        if media_type in _ACCEPTED and not any(_NOT_WANTED.fullmatch(parameter) for parameter in parameters):
            return True
    return False


def _read_parameters(parameters: bytes) -> bytes | Refusal:
    for parameter in parameters.split(b"&"):
        if parameter.startswith(b"dns="):
            text = parameter[4:].translate(_ALPHABET)
            try:
                return a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
            except Error:
                return BAD_REQUEST
    return BAD_REQUEST


def _read_body(request: Request) -> bytes | Refusal:
    media_type = request.fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        return NO_DNS_MESSAGE
    if request.body is None or len(request.body) > MAX_MESSAGE:
        return TOO_LARGE
    return request.body
