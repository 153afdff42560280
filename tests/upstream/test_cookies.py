"""Cookies towards one upstream."""

import pytest

from dnsfilter.upstream.cookies import Cookies, NoCookies, Verdict
from dnsfilter.wire.upstream_query import NO_COOKIE
from tests.fakes.messages import ask, edns, respond

COOKIE = 10
SERVER = b"S" * 16


def respond_with(*cookies: bytes) -> bytes:
    options = [(COOKIE, cookie) for cookie in cookies]
    return respond(ask("www.example"), additionals=[edns(options=options)], opt=False)


def client_of(cookies: Cookies) -> bytes:
    return cookies.opts[0][15:23]


def test_learns_and_returns() -> None:
    """The upstream's cookie goes back to it behind ours; a response with both needs no closer look."""
    cookies = Cookies("192.0.2.1")
    client = client_of(cookies)
    response = respond_with(client + SERVER)
    assert not cookies.is_known
    assert cookies.proof not in response
    assert cookies.judge(response) is Verdict.GENUINE
    assert cookies.is_known
    assert cookies.opts[0].endswith(b"\0\x0a\0\x18" + client + SERVER)
    assert cookies.opts[1].endswith(client + SERVER)
    assert cookies.proof in response
    renewed = respond_with(client + b"T" * 8)
    assert cookies.proof not in renewed
    assert cookies.judge(renewed) is Verdict.GENUINE
    assert cookies.opts[0].endswith(client + b"T" * 8)


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("rest", [b"X", b"X" * 7, b"X" * 33])
def test_what_is_forged(rest: bytes, *, is_known: bool) -> None:
    """Another cookie than ours, one of a length that there is not, one that stands second: forged."""
    cookies = Cookies("192.0.2.1")
    client = client_of(cookies)
    if is_known:
        cookies.judge(respond_with(client + SERVER))
    assert cookies.judge(respond_with(b"X" * 8 + SERVER)) is Verdict.FORGED
    assert cookies.judge(respond_with(client + rest)) is Verdict.FORGED
    assert cookies.judge(respond_with(b"X" * 24, client + SERVER)) is Verdict.FORGED
    assert cookies.judge(respond_with(client + SERVER)[:-3]) is Verdict.FORGED


def test_missing_only_where_expected() -> None:
    """Until the upstream sent one no cookie is missed, and none any more after it was forgotten."""
    cookies = Cookies("192.0.2.1")
    plain = respond(ask("www.example"))
    assert cookies.judge(plain) is Verdict.GENUINE
    assert cookies.suspect not in plain
    assert cookies.suspect in respond_with(b"X" * 24)
    cookies.judge(respond_with(client_of(cookies) + SERVER))
    assert cookies.judge(plain) is Verdict.MISSING
    assert cookies.suspect in plain
    assert cookies.proof not in plain
    cookies.forget()
    assert cookies.judge(plain) is Verdict.GENUINE


def test_ours_alone_teaches_nothing() -> None:
    """A server that only sends ours back has none of its own."""
    cookies = Cookies("192.0.2.1")
    assert cookies.judge(respond_with(client_of(cookies))) is Verdict.GENUINE
    assert not cookies.is_known


def test_each_has_its_own() -> None:
    """No two upstreams, or addresses of ours, see the same cookie (RFC 7873 section 6)."""
    assert len({client_of(Cookies("192.0.2.1")) for _ in range(100)}) == 100


def test_none_at_all() -> None:
    """Without cookies nothing is sent, and every response passes."""
    none = NoCookies()
    assert none.proof == b""
    assert none.judge(b"") is Verdict.GENUINE
    assert none.opts == NO_COOKIE
