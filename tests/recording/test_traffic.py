"""What captured packets look up."""

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import Problem
from dnsfilter.model import Channel
from dnsfilter.recording import traffic
from dnsfilter.recording.capture import Packet
from dnsfilter.recording.lookup import Lookup
from dnsfilter.recording.traffic import Traffic
from dnsfilter.wire.framing import frame
from tests.fakes.captures import query, response, tcp, udp
from tests.fakes.hello import client_hello

RAW = 101
CLIENT, SERVER = "192.0.2.1", "192.0.2.53"


def read(*packets: bytes) -> list[Lookup | Problem]:
    """Return what is found, with the ports 53 and 5353 for DNS."""
    numbered = [Packet(number, float(number), RAW, packet) for number, packet in enumerate(packets, start=1)]
    return list(Traffic("x.pcap", {53, 5353}).read(numbered))


def test_datagrams() -> None:
    """Queries to DNS servers are lookups of who sent them; responses, other ports and multicast DNS are not."""
    assert read(
        udp(CLIENT, SERVER, query("a.example")),
        udp(SERVER, CLIENT, response("a.example"), port=40_000, source_port=53),
        udp(CLIENT, SERVER, query("b.example"), port=123),
        udp(CLIENT, "224.0.0.251", query("c.local"), port=5353),
        udp("2001:db8::1", "2001:db8::2", query("d.example"), port=5353),
    ) == [Lookup(1.0, CLIENT, "a.example"), Lookup(5.0, "2001:db8::1", "d.example")]


def test_stream_of_queries() -> None:
    """Queries over TCP are found however they are cut, and out of order."""
    data = frame(query("a.example")) + frame(query("b.example"))
    assert read(
        tcp(CLIENT, SERVER, 99, port=53, flags=2),
        tcp(CLIENT, SERVER, 130, data[30:], port=53),
        tcp(CLIENT, SERVER, 100, data[:30], port=53),
    ) == [Lookup(3.0, CLIENT, "a.example"), Lookup(3.0, CLIENT, "b.example")]


def test_malformed_query_in_a_stream() -> None:
    """A malformed query is a problem with its packet, and the next one is read."""
    found = read(tcp(CLIENT, SERVER, 1, frame(b"short") + frame(query("b.example")), port=53))
    assert found == [Problem("shorter than a header", "x.pcap", key="packet 1"), Lookup(1.0, CLIENT, "b.example")]


def test_server_names() -> None:
    """A TLS connection is a lookup of its server name on the channel `sni`, once, on any port."""
    hello = client_hello("WWW.tiktok.com")
    assert read(
        tcp(CLIENT, SERVER, 0, flags=2),
        tcp(CLIENT, SERVER, 1, hello[:100]),
        tcp(CLIENT, SERVER, 101, hello[100:]),
        tcp(CLIENT, SERVER, 1 + len(hello), hello),
        tcp(CLIENT, SERVER, 1, client_hello("b.example"), port=8443),
    ) == [Lookup(3.0, CLIENT, "www.tiktok.com", Channel.SNI), Lookup(5.0, CLIENT, "b.example", Channel.SNI)]


def test_quic() -> None:
    """A QUIC connection is a lookup of its server name on the channel `quic`, once; what the server sends is not."""
    configuration = QuicConfiguration(is_client=True, server_name="www.tiktok.com", alpn_protocols=["h3"])
    connection = QuicConnection(configuration=configuration)
    connection.connect(("192.0.2.53", 443), now=0.0)
    ((first, _),) = connection.datagrams_to_send(now=0.0)
    packet = udp(CLIENT, SERVER, first, port=443)
    garbled = bytearray(first)
    garbled[100] ^= 1
    back = udp(SERVER, CLIENT, bytes(garbled), port=40_000, source_port=443)
    assert read(packet, back, packet) == [Lookup(1.0, CLIENT, "www.tiktok.com", Channel.QUIC)]


def test_a_port_used_again() -> None:
    """A new connection from the same port is read anew."""
    hello = client_hello("a.example")
    found = read(tcp(CLIENT, SERVER, 0, flags=2), tcp(CLIENT, SERVER, 1, hello)) * 2
    assert read(
        tcp(CLIENT, SERVER, 0, flags=2),
        tcp(CLIENT, SERVER, 1, hello),
        tcp(CLIENT, SERVER, 70, flags=2),
        tcp(CLIENT, SERVER, 71, hello),
    ) == [found[0], found[1]._replace(time=4.0) if isinstance(found[1], Lookup) else None]


@pytest.mark.parametrize("hello", [client_hello("a..b", "x"), b"\x16\3\1\0\5\1\0\0\1\0"])
def test_bad_hello(hello: bytes) -> None:
    """A hello that is malformed, or whose name is none, is a problem with its packet."""
    problem, *_ = read(tcp(CLIENT, SERVER, 1, hello))
    assert isinstance(problem, Problem)
    assert problem.key == "packet 1"


def test_other_traffic() -> None:
    """Connections that are not TLS, and acknowledgements without data, are nothing."""
    assert read(tcp(CLIENT, SERVER, 1, b"GET / HTTP/1.1\r\n"), tcp(CLIENT, SERVER, 17), b"", b"\x45") == []


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more connections at once than are kept the oldest is forgotten."""
    monkeypatch.setattr(traffic, "MAX_CONNECTIONS", 2)
    hello = client_hello("a.example")
    starts = [tcp(CLIENT, SERVER, 1, hello[:50], source_port=port) for port in (1, 2, 3)]
    ends = [tcp(CLIENT, SERVER, 51, hello[50:], source_port=port) for port in (3, 2)]
    assert len(read(*starts, *ends)) == 2
    assert read(*starts, tcp(CLIENT, SERVER, 51, hello[50:], source_port=1)) == []


def test_problems_of_the_file_pass() -> None:
    """What is wrong with the file is told on."""
    problem = Problem("cut", "x.pcap")
    assert list(Traffic("x.pcap", {53}).read([problem])) == [problem]


@given(st.lists(st.tuples(st.sampled_from([53, 443]), st.integers(0, 300), st.binary(max_size=60)), max_size=10))
def test_any_segments(segments: list[tuple[int, int, bytes]]) -> None:
    """Whatever connections and datagrams carry, what comes are lookups and problems."""
    packets = [tcp(CLIENT, SERVER, sequence, payload, port=port) for port, sequence, payload in segments]
    packets += [udp(CLIENT, SERVER, payload) for _, _, payload in segments]
    for found in read(*packets):
        assert isinstance(found, Lookup | Problem)
