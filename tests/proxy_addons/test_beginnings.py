"""The first octets of a connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.events import DataReceived

from proxy_addons.beginnings import MAX_HELLO, MAX_RECORDS, Ended, is_request, is_too_short, is_unreadable
from tests.fakes.hello import client_hello
from tests.fakes.mitmproxy import proxy_context

HELLO = client_hello("www.tiktok.com")


def split(hello: bytes, size: int) -> bytes:
    """Return a ClientHello in records of so many octets each, as TLS allows (RFC 8446 section 5.1)."""
    message = hello[5:]
    parts = (message[start : start + size] for start in range(0, len(message), size))
    return b"".join(hello[:3] + len(part).to_bytes(2) + part for part in parts)


@pytest.mark.parametrize("data", [HELLO, split(HELLO, 200), split(HELLO, 5)])
def test_waits_for_a_whole_hello(data: bytes) -> None:
    """Until its last octet a ClientHello is waited for, in however many records it comes."""
    assert all(is_too_short(data[:length]) for length in range(1, len(data)))
    assert not is_too_short(data)
    assert not is_unreadable(data)


def test_refuses_a_hello_in_too_many_records() -> None:
    """Nobody who looks again with each octet is made to look at thousands of records."""
    empty = HELLO[:3] + bytes(2)
    begun = split(HELLO, 200)[:205]
    assert is_too_short(begun + empty * (MAX_RECORDS - 1))
    assert is_unreadable(begun + empty * MAX_RECORDS)
    assert not is_too_short(begun + empty * MAX_RECORDS)


def test_another_message_is_not_waited_for() -> None:
    """A handshake message that is no ClientHello, or a record that is none of a handshake, is decided upon."""
    assert not is_too_short(HELLO[:5] + b"\2" + HELLO[6:20])
    assert not is_too_short(split(HELLO, 200)[:205] + b"\x17\3\3\0\1x")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"G", True),
        (b"GET", True),
        (b"M-SEARCH", True),
        (b"GET ", True),
        (b"GET /path HTTP/1.1", True),
        (b"GET /path HTTP/1.1\r\n", False),
        (b"\r\n\r\n", True),
        (b"\r\nGET", True),
        (b"8=FIX.4.2", False),
        (b"GET /" + b"x" * 9000, False),
        (b"QUIT\r\n", False),
        (b"\x16\x01", False),
        (b"\x00", False),
        (b"x" * 33, False),
    ],
)
def test_waits_for_the_end_of_a_line(data: bytes, *, expected: bool) -> None:
    """What may become a request is waited for; a line, or more than a request has of it, is decided upon."""
    assert is_too_short(data) is expected


@given(st.binary(min_size=1))
def test_what_is_long_enough_stays_so(data: bytes) -> None:
    """Nobody waits for ever: some octets are always enough."""
    assert not is_too_short(data + bytes(2 * MAX_HELLO))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"M-SEARCH * HTTP/1.1\n", True),
        (b"\r\nGET  /  HTTP/1.0 \r\n", True),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"EHLO mail.example\r\nHTTP/1.1\r\n", False),
    ],
)
def test_knows_a_request(data: bytes, *, expected: bool) -> None:
    """The first line tells, with any method and any blanks."""
    assert is_request(data) is expected


@pytest.mark.parametrize(("length", "expected"), [(512, False), (MAX_HELLO, False), (MAX_HELLO + 1, True)])
def test_refuses_what_no_client_sends(length: int, *, expected: bool) -> None:
    """A hello that announces more than any client needs is not collected, nor one whose header is cut in two."""
    assert is_unreadable(b"\x16\x03\x01\x40\x00\x01" + length.to_bytes(3)) is expected
    assert not is_unreadable(HELLO)
    assert is_unreadable(b"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x02\x00")
    assert is_unreadable(HELLO[:2] + b"\4" + HELLO[3:])
    assert starts_like_tls_record(HELLO)


def test_ended_is_closed() -> None:
    """Whatever comes, the client's connection is closed."""
    context = proxy_context(("192.0.2.1", 443))
    commands = list(Ended(context).handle_event(DataReceived(context.client, b"more")))
    assert [type(command) for command in commands] == [CloseConnection]
