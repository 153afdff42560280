"""HTTP/2 without a connection: requests from frames, and what bounds them."""

import h2.connection
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.server import http2
from dnsfilter.server.http2 import Http2
from dnsfilter.server.requests import HttpError

FIELDS = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/dns-query")]


def connect() -> tuple[Http2, h2.connection.H2Connection]:
    client = h2.connection.H2Connection()
    client.initiate_connection()
    http = Http2()
    http.feed(client.data_to_send())
    client.receive_data(http.take_output())
    return http, client


def test_a_body_in_pieces():
    """A request is there when its last frame is, with the fields that matter; trailers add nothing."""
    http, client = connect()
    client.send_headers(1, [*FIELDS, ("content-type", "a/b"), ("cookie", "c")])
    client.send_data(1, b"ab")
    http.feed(client.data_to_send())
    assert http.next_request() is None
    client.send_data(1, b"c")
    client.send_headers(1, [("content-type", "c/d")], end_stream=True)
    http.feed(client.data_to_send())
    request = http.next_request()
    assert request
    assert (request.method, request.path, request.body) == (b"POST", b"/dns-query", b"abc")
    assert request.fields[b"content-type"] == b"a/b"
    assert b"cookie" not in request.fields
    http.close()


def test_fields_of_a_refused_stream_go_nowhere():
    """What a malformed request said is not taken for part of the next one."""
    http, client = connect()
    client.config.validate_outbound_headers = False
    client.config.normalize_outbound_headers = False
    client.send_headers(1, [*FIELDS[:3], ("accept", "a/b"), (":path", "/")], end_stream=True)
    client.send_headers(3, FIELDS, end_stream=True)
    http.feed(client.data_to_send())
    request = http.next_request()
    assert request
    assert (request.stream, request.fields.get(b"accept")) == (3, None)
    assert http.next_request() is None
    http.close()


def test_bodies_together_are_bounded(monkeypatch):
    """Many requests that never end are no way to fill the memory."""
    monkeypatch.setattr(http2, "MAX_HELD", 1000)
    http, client = connect()
    for stream in (1, 3, 5):
        client.send_headers(stream, FIELDS)
        client.send_data(stream, bytes(400))
    with pytest.raises(HttpError):
        http.feed(client.data_to_send())
    http.close()


@given(st.lists(st.binary(min_size=1, max_size=60)))
def test_any_octets(pieces):
    """Whatever is sent behind a right beginning ends the connection or does not; nothing else happens."""
    http, _ = connect()
    try:
        for piece in pieces:
            http.feed(piece)
            while request := http.next_request():
                http.respond(request.stream, 404, (), b"")
            http.take_output()
    except HttpError:
        pass
    http.close()
    http.respond(1, 200, (), b"late")
