"""HTTP/1.1 without a connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.server.http1 import Http1
from dnsfilter.server.requests import HttpError

GET = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n"


def test_one_after_the_other():
    """A request sent ahead is read once the one before it has its response."""
    http = Http1()
    http.feed(GET + GET.replace(b"/a", b"/b"))
    first = http.next_request()
    assert first
    assert first.path == b"/a"
    assert http.next_request() is None
    http.respond(0, 200, ((b"content-length", b"2"),), b"ok")
    assert http.take_output() == b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok"
    second = http.next_request()
    assert second
    assert second.path == b"/b"
    assert not http.is_over


def test_continue():
    """A client that waits for it is told to send its body (RFC 9110 section 10.1.1)."""
    http = Http1()
    http.feed(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    assert http.next_request() is None
    assert http.take_output().startswith(b"HTTP/1.1 100 ")
    http.feed(b"ab")
    request = http.next_request()
    assert request
    assert request.body == b"ab"
    http.close()


@given(st.lists(st.binary(max_size=60)))
def test_any_octets(pieces):
    """Whatever is sent is a request, is refused, or ends the connection."""
    http = Http1()
    for piece in pieces:
        try:
            http.feed(piece or b"\r\n")
            while http.next_request():
                http.respond(0, 404, ((b"content-length", b"0"),), b"")
        except HttpError:
            break
    assert isinstance(http.take_output(), bytes)


def test_too_far_ahead():
    """What is sent while a response is outstanding is held up to a bound."""
    http = Http1()
    http.feed(GET)
    assert http.next_request()
    with pytest.raises(HttpError):
        http.feed(GET * 20_000)
