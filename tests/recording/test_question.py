"""Questions of recorded messages."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.recording.question import read_question
from tests.fakes.captures import query, response


def test_directions() -> None:
    """A query is read as a query and a response as a response, and neither as the other."""
    assert read_question(query("WWW.TikTok.com")) == "www.tiktok.com"
    assert read_question(query("www.tiktok.com"), of_response=True) is None
    assert read_question(response("www.tiktok.com"), of_response=True) == "www.tiktok.com"
    assert read_question(response("www.tiktok.com")) is None


@pytest.mark.parametrize(
    "message",
    [
        b"\0\1\x28\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1",  # an update
        b"\0\1\0\0\0\0\0\0\0\0\0\0",  # no question
    ],
)
def test_nothing_to_read(message: bytes) -> None:
    """Another opcode, and a message without a question, are about no name."""
    assert read_question(message) is None


@pytest.mark.parametrize("cut", [0, 11, 12, 14, 20, -1, -4])
def test_cut(cut: int) -> None:
    """A message that ends too early is malformed."""
    with pytest.raises(WireError):
        read_question(query("www.tiktok.com")[:cut])


@given(st.binary(max_size=100))
def test_any_octets(message: bytes) -> None:
    """Any octets are read or refused by WireError."""
    with contextlib.suppress(WireError):
        read_question(b"\0\0\0\0\0\1" + message)
