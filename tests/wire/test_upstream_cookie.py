"""The cookie in an upstream's response."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.upstream_cookie import find_cookie
from tests.fakes.messages import ask, edns, respond

COOKIE = 10
RECORDS = ("www.example. 300 A 192.0.2.1", "www.example. 300 A 192.0.2.2")


@pytest.mark.parametrize(
    ("options", "cookie"),
    [
        ([], None),
        ([(12, b"\0" * 20)], None),
        ([(COOKIE, b"c" * 24)], b"c" * 24),
        ([(12, b""), (COOKIE, b"c" * 16), (15, b"\0\1")], b"c" * 16),
        ([(COOKIE, b"first"), (COOKIE, b"second")], b"first"),
        ([(COOKIE, b"")], b""),
    ],
)
def test_is_found(options: list[tuple[int, bytes]], cookie: bytes | None) -> None:
    """The first cookie counts, wherever it stands among options, records in front or not."""
    query = ask("www.example")
    assert find_cookie(respond(query, RECORDS, additionals=[edns(options=options)], opt=False)) == cookie
    assert find_cookie(respond(query, additionals=[edns(options=options)], opt=False)) == cookie


def test_there_may_be_no_opt() -> None:
    """A response without EDNS has no cookie."""
    assert find_cookie(respond(ask("www.example"), RECORDS, opt=False)) is None


@given(st.binary(max_size=300))
def test_malformed(garbage: bytes) -> None:
    """Whatever comes, there is a cookie, none, or a WireError."""
    with contextlib.suppress(WireError):
        find_cookie(garbage)


@given(st.integers(0, 200))
def test_cut_off(size: int) -> None:
    """A message that ends too early is an error and no cookie."""
    message = respond(ask("www.example"), RECORDS, additionals=[edns(options=[(COOKIE, b"c" * 24)])], opt=False)
    if size < len(message):
        with pytest.raises(WireError):
            find_cookie(message[:size])
