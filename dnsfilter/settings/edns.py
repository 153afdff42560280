"""Sections about what responses carry beside the answer: cookies, the server's identity, why a name is blocked."""

from typing import Annotated

from pydantic import AfterValidator, Field

from dnsfilter.settings.section import Section

MAX_NSID = 128
MAX_TEXT = 200
"""Octets of a client's text: what leaves room for the rest in the 512 of a client that takes no more."""

MAX_STRING = 255
_HEX = "0x"


def _check_text(value: str, maximum: int) -> str:
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    size = len(value.encode(errors="replace"))
    if size > maximum:
        raise ValueError(f"has {size} octets, at most {maximum} are possible")
    return value


def nsid_octets(value: str) -> bytes:
    """Return the octets of an NSID: those written in hexadecimal behind 0x, else the text itself."""
    return bytes.fromhex(value.removeprefix(_HEX)) if value.startswith(_HEX) else value.encode()


def _check_nsid(value: str) -> str:
    if not value.startswith(_HEX):
        return _check_text(value, MAX_NSID)
    try:
        size = len(nsid_octets(value))
    except ValueError:
        raise ValueError("must have an even number of hexadecimal digits behind 0x") from None
    if size > MAX_NSID:
        raise ValueError(f"has {size} octets, at most {MAX_NSID} are possible")
    return value


ErrorText = Annotated[str, AfterValidator(lambda value: _check_text(value, MAX_TEXT))]
String = Annotated[str, AfterValidator(lambda value: _check_text(value, MAX_STRING))]
Nsid = Annotated[str, AfterValidator(_check_nsid)]


class Cookies(Section):
    """Server cookies (RFC 7873, RFC 9018): files with secrets, of which the first makes cookies and all verify them.

    Without files the installation has a secret of its own. With `require`, a client that has cookies is answered over
    UDP only once it sends a good one.
    """

    secrets: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    require: bool = False


class Chaos(Section):
    """What `version.bind` and `version.server`, `hostname.bind` and `id.server` are answered; REFUSED where empty."""

    version: String = ""
    identity: String = ""
