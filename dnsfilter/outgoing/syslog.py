"""A line of JSON as a message of syslog (RFC 5424), framed for a stream by octet counting (RFC 6587 section 3.4.1)."""

import re

from dnsfilter.outgoing.payload import to_text

FACILITY = 13
"""Log audit."""

MAX_HOST = 255

_FOREIGN = re.compile(r"[^!-~]")


def frame(line: bytes, *, severity: int, time: float, host: str, process: int, kind: str) -> bytes:
    """Return the message and its length before it; what is not printable ASCII in a name becomes `_`.

    The line is ASCII, so it needs no mark of UTF-8 (section 6.4); there are no structured data.
    """
    name = _FOREIGN.sub("_", host)[:MAX_HOST] or "-"
    header = f"<{FACILITY * 8 + severity}>1 {to_text(time)} {name} dnsfilter {process} {kind} - "
    message = header.encode("ascii") + line
    return b"%d %s" % (len(message), message)
