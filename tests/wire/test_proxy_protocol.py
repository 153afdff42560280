"""PROXY headers: what a load balancer writes is read, what nobody should write is refused."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.proxy_protocol import LOCAL_HEADER, MAX_SIZE, SIGNATURE, read_header, read_value
from tests.fakes.proxying import make_header


@pytest.mark.parametrize("client", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("transport", [1, 2])
@pytest.mark.parametrize("tlvs", [b"", b"\x04\x00\x03abc"])
def test_who_asks(client, transport, tlvs):
    """The source address is who asks, over both transports and families, whatever TLVs follow."""
    header = make_header(client, transport=transport, tlvs=tlvs)
    assert read_header(header + b"query") == (ip_address(client).packed, len(header))


@pytest.mark.parametrize(
    "header", [make_header("192.0.2.7", command=0x20), SIGNATURE + b"\x20\0\0\0", SIGNATURE + b"\x21\0\0\2ab"]
)
def test_nobody_else(header):
    """LOCAL, and a family that is not specified, name nobody."""
    assert read_header(header) == (b"", len(header))


@pytest.mark.parametrize("cut", range(0, 28, 3))
def test_a_header_in_pieces(cut):
    """As long as octets are missing that can still come, more are asked for."""
    assert read_header(make_header("192.0.2.7")[:cut]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 53\r\n",
        SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x31\0\xd8" + bytes(216),
        SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
        SIGNATURE + b"\x21\x21\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x13\0\x0c" + bytes(12),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, MAX_SIZE),
        b"\r\n\r\n\1",
        b"\0\x1d",
    ],
)
def test_what_is_refused(data):
    """Version 1, other versions, commands and families, too short and too long: all refused as soon as they show."""
    with pytest.raises(WireError):
        read_header(data)


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda data: SIGNATURE + data)))
def test_any_octets(data):
    """Whatever comes, there is an address of a right size, a wish for more, or the parser's own error."""
    try:
        found = read_header(data)
    except WireError:
        return
    if found:
        client, size = found
        assert len(client) in (0, 4, 16)
        assert 16 <= size <= len(data)


@pytest.mark.parametrize("client", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize(
    ("tlvs", "value"),
    [
        (b"", b""),
        (b"\xe0\0\3A-1", b"A-1"),
        (b"\x04\0\2\0\0\xe1\0\1x\xe0\0\3A-1\xe0\0\3B-2", b"A-1"),
        (b"\xe1\0\3A-1", b""),
        (b"\xe0\0\4A-1", b""),
        (b"\xe1\xff\xffA-1", b""),
        (b"\xe0\0", b""),
    ],
)
def test_values(client, tlvs, value):
    """The first value of a type is found behind others; one that is cut is none."""
    assert read_value(make_header(client, tlvs=tlvs), 0xE0) == value


def test_who_asks_for_himself_says_no_value():
    """A LOCAL header, and one of no family, have no values for us."""
    assert read_value(LOCAL_HEADER, 0xE0) == b""
    assert read_value(SIGNATURE + b"\x21\0\0\6\xe0\0\3A-1", 0xE0) == b""


@given(st.binary(max_size=60), st.integers(1, 255))
def test_any_values(tlvs, kind):
    """Whatever stands behind the addresses, a value is a part of it."""
    assert read_value(make_header("192.0.2.7", tlvs=tlvs), kind) in tlvs
