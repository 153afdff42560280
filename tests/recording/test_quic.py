"""QUIC's first packets: the RFC's own example, and those of another implementation."""

import time

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.recording.quic import _VERSIONS, Initials, _derive, may_be_initial

V1, V2 = 1, 0x6B3343CF


def connect(name: str | None, version: int = V1, protocols: int = 0) -> list[bytes]:
    """Return the first datagrams of a connection; many protocols make a ClientHello that needs several."""
    names = [f"protocol-{number:04}" for number in range(protocols)] or ["h3"]
    configuration = QuicConfiguration(
        is_client=True, server_name=name, alpn_protocols=names, original_version=version, supported_versions=[version]
    )
    connection = QuicConnection(configuration=configuration)
    connection.connect(("192.0.2.1", 443), now=time.time())
    return [datagram for datagram, _ in connection.datagrams_to_send(now=time.time())]


FIRST = connect("www.tiktok.com")


def test_keys() -> None:
    """The keys are those of the example in RFC 9001, appendix A.1."""
    keys = _derive(_VERSIONS[b"\0\0\0\1"], bytes.fromhex("8394c8f03e515708"))
    assert keys.nonce == 0xFA044B2F42A3FD3B46FB255C
    assert keys.header.hex() == "9f50449e04a0e810283a1e9933adedd2"


@pytest.mark.parametrize("version", [V1, V2])
def test_server_name(version: int) -> None:
    """The server name is read, once, in both versions."""
    initials = Initials()
    (datagram,) = connect("www.tiktok.com", version)
    assert may_be_initial(datagram)
    assert initials.feed(datagram) == ["www.tiktok.com"]
    assert initials.is_known
    assert initials.feed(datagram) == []


def test_several_datagrams() -> None:
    """A ClientHello that one packet cannot hold is put together, in whatever order its packets come."""
    datagrams = connect("www.tiktok.com", protocols=120)
    assert len(datagrams) > 1
    for order in (datagrams, datagrams[::-1]):
        initials = Initials()
        found = [initials.feed(datagram) for datagram in order]
        assert found == [[]] * (len(datagrams) - 1) + [["www.tiktok.com"]]


def test_no_server_name() -> None:
    """A ClientHello without a name names nothing."""
    assert Initials().feed(connect(None)[0]) == []


def test_not_ours() -> None:
    """A packet that the client's keys do not open says nothing and is not remembered."""
    datagram = bytearray(FIRST[0])
    datagram[100] ^= 1
    initials = Initials()
    assert initials.feed(bytes(datagram)) == []
    assert not initials.is_known


@pytest.mark.parametrize("datagram", [b"", b"\xc0\0\0\0\1", b"\xc0\0\0\0\2" + bytes(100), b"\x40\0\0\0\1" + bytes(100)])
def test_not_quic(datagram: bytes) -> None:
    """What is too short, of another version, or of a later packet is no beginning."""
    assert not may_be_initial(datagram)
    assert Initials().feed(datagram) == []


@given(st.data())
def test_mutations(data: st.DataObject) -> None:
    """A datagram with changed octets, or cut, is read, says nothing, or is refused by WireError."""
    octets = bytearray(FIRST[0])
    for index in data.draw(st.lists(st.integers(0, 60), max_size=6)):
        octets[index] = data.draw(st.integers(0, 255))
    try:
        assert Initials().feed(bytes(octets[: data.draw(st.integers(0, len(octets)))])) in ([], ["www.tiktok.com"])
    except WireError:
        pytest.fail("the packet decrypts only unchanged")
