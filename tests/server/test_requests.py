"""What requests carry, and that nothing else than a status or octets comes of any of them."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.server.requests import (
    BAD_REQUEST,
    MAX_PATH,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    Refusal,
    Request,
    read_name,
    read_query,
    refusal_fields,
    response_fields,
)


def get(path: bytes, **fields: bytes) -> Request:
    return Request(1, b"GET", path, {name.encode(): value for name, value in fields.items()}, b"")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/dns-query/laptop-7?dns=AAAA", "laptop-7"),
        (b"/dns-query/L%207", "L 7"),
        (b"/dns-query/%ff", "\ufffd"),
        (b"/dns-query", ""),
        (b"/dns-query?dns=AAAA", ""),
        (b"/dns-query/", ""),
        (b"/dns-query/a/b", ""),
        (b"/dns-query/" + b"a" * 201, ""),
        (b"/other/laptop", ""),
    ],
)
def test_the_path_may_name_the_client(path: bytes, name: str) -> None:
    """What a client calls itself is the one segment behind the path; anything else there is not found."""
    request = Request(1, b"GET", path, {}, b"")
    assert read_name(request) == name
    if path.startswith(b"/dns-query/"):
        assert (read_query(request) == NOT_FOUND) is (name == "")


@given(st.binary(max_size=MAX_PATH * 3 // 4 - 30))
def test_every_message_comes_through(message):
    """What a client encodes is what is read."""
    text = urlsafe_b64encode(message).rstrip(b"=")
    assert read_query(get(b"/dns-query?dns=" + text)) == message


@given(st.sampled_from([b"GET", b"POST", b"HEAD", b"X"]), st.binary(), st.binary(), st.binary())
def test_any_request(method, parameters, accept, body):
    """Any octets give octets or a refusal."""
    fields = {b"accept": accept, b"content-type": accept}
    assert isinstance(read_query(Request(1, method, b"/dns-query?" + parameters, fields, body)), bytes | Refusal)


@pytest.mark.parametrize("text", [b"AA=", b"AA==", b"A+A", b"A/A", b"A", b"AA A", b"AA\n", b"%41A", "ä".encode()])
def test_what_is_no_base64url(text):
    """Padding and the characters of base64 are none of base64url (RFC 8484 section 6)."""
    assert read_query(get(b"/dns-query?dns=" + text)) == BAD_REQUEST


@pytest.mark.parametrize(
    ("accept", "is_fine"),
    [
        (b"*/*", True),
        (b"application/dns-json, application/dns-message", True),
        (b"APPLICATION/*; q=0.1", True),
        (b"*/*;q=0.0", False),
        (b"application/dns-json", False),
        (b",;,", False),
    ],
)
def test_accept(accept, is_fine):
    """A client that takes no DNS messages gets none (RFC 9110 section 12.5.1)."""
    assert (read_query(get(b"/dns-query?dns=AAAA", accept=accept)) != NOT_ACCEPTABLE) is is_fine


def test_fields():
    """Responses say what they are, how long and how fresh; every one has a date (RFC 9110 section 6.6.1)."""
    fields = dict(response_fields(48, 10, 0))
    assert fields[b"content-length"] == b"48"
    assert fields[b"cache-control"] == b"max-age=10"
    assert fields[b"date"] == b"Thu, 01 Jan 1970 00:00:00 GMT"
    assert dict(refusal_fields(Refusal(405, ((b"allow", b"GET"),)), 0)) == {
        b"allow": b"GET",
        b"content-length": b"0",
        b"date": b"Thu, 01 Jan 1970 00:00:00 GMT",
    }
