"""ClientHellos, OpenSSL's own among them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.recording.hello import may_be_hello, read_hello
from tests.fakes.hello import client_hello


@pytest.mark.parametrize("names", [["www.tiktok.com"], [], ["a", "b"]])
def test_names(names: list[str]) -> None:
    """All server names are read, and none where there is no extension."""
    hello = client_hello(*names)
    assert may_be_hello(hello)
    assert read_hello(hello) == names


def test_incomplete() -> None:
    """A hello that is not all here yet is neither read nor refused, wherever it is cut."""
    hello = client_hello("www.tiktok.com")
    for length in range(len(hello)):
        assert may_be_hello(hello[:length])
        assert read_hello(hello[:length]) is None


def test_records() -> None:
    """A hello in several records is put together (RFC 8446 section 5.1)."""
    hello = client_hello("www.tiktok.com")
    message = hello[5:]
    parts = [message[start : start + 50] for start in range(0, len(message), 50)]
    assert read_hello(b"".join(b"\x16\3\1" + len(part).to_bytes(2) + part for part in parts)) == ["www.tiktok.com"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x17\3\3\0\1\0",
        b"\x16\3\3\0\4\2\0\0\0",  # a ServerHello
        b"\x16\3\3\0\4\1\xff\xff\xff",
        b"\x16\3\3\0\5\1\0\0\1\0",
        client_hello("a", "b")[:-3].replace(b"\0\x0b\0\0\x0c", b"", 1) + b"\xff\xff\xff",
    ],
)
def test_refused(data: bytes) -> None:
    """What is no well-formed ClientHello is a WireError."""
    with pytest.raises(WireError):
        read_hello(data)


@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    """A hello with changed octets is read or refused by WireError."""
    octets = bytearray(client_hello("www.tiktok.com", "b.example"))
    for index in data.draw(st.lists(st.integers(0, len(octets) - 1), min_size=1, max_size=8)):
        octets[index] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        read_hello(bytes(octets))
