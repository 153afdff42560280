"""Messages of syslog, read back as RFC 6587 and RFC 5424 say."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.outgoing.syslog import frame

HEADER = re.compile(rb"<(\d{1,3})>1 (\S+) ([!-~]{1,255}) dnsfilter (\d+) ([a-z-]+) - ")


def test_frame() -> None:
    """Priority is facility times eight and severity; time, host, process and kind follow; then the line."""
    found = frame(b'{"a":1}', severity=4, time=1_678_867_200.5, host="resolver-1", process=42, kind="confirmed")
    message = b'<108>1 2023-03-15T08:00:00.500Z resolver-1 dnsfilter 42 confirmed - {"a":1}'
    assert found == b"%d %s" % (len(message), message)


@given(st.text(max_size=300), st.binary(max_size=50), st.integers(0, 7))
def test_frames_are_read_one_by_one(host: str, line: bytes, severity: int) -> None:
    """Whatever the host is called and the line holds, the length leads to the end and the header has its fields."""
    frames = frame(line, severity=severity, time=0.0, host=host, process=1, kind="audit") * 2
    for _ in range(2):
        length, _, rest = frames.partition(b" ")
        message, frames = rest[: int(length)], rest[int(length) :]
        match = HEADER.match(message)
        assert match
        assert int(match[1]) == 13 * 8 + severity
        assert message[match.end() :] == line
    assert frames == b""
