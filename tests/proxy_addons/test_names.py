"""What connections and requests name, from the forms that clients really send to those made to slip through."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.test import tflow, tutils
from mitmproxy.tls import ClientHelloData

from dnsfilter.model import Channel
from proxy_addons.names import (
    Target,
    destination_targets,
    hello_targets,
    read_address,
    read_target,
    request_targets,
    server_names,
)
from tests.fakes.hello import client_hello, server_name_extension
from tests.fakes.mitmproxy import proxy_context


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("www.tiktok.com", "www.tiktok.com"),
        ("WWW.TikTok.COM.", "www.tiktok.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("\uff57\uff57\uff57.tiktok.com", "www.tiktok.com"),
        ("192.0.2.7", ip_address("192.0.2.7")),
        ("3221225991", ip_address("192.0.2.7")),
        ("\uff11\uff19\uff12.0.2.7", ip_address("192.0.2.7")),
        ("192.0.2.7.", ip_address("192.0.2.7")),
        ("0xc0.0.2.7", ip_address("192.0.2.7")),
        ("0300.0.0x2.7", ip_address("192.0.2.7")),
        ("::ffff:192.0.2.7", ip_address("192.0.2.7")),
        ("[2001:DB8::1]", ip_address("2001:db8::1")),
        ("fe80::1%eth0", ip_address("fe80::1")),
    ],
)
def test_reads_one_canonical_form(text: str, value: object) -> None:
    """Case, final dot, internationalised and old-fashioned forms all become the form that the policy knows."""
    target = read_target(text, Channel.SNI)
    assert target is not None
    assert target.value == value
    assert target.channel is (Channel.SNI if isinstance(value, str) else Channel.IP)


@pytest.mark.parametrize("text", ["", "."])
def test_what_is_no_name_is_no_target(text: str) -> None:
    """Text without any label names nothing."""
    assert read_target(text, Channel.HTTP) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a..b", "a.b"),
        ("x" * 64 + ".example", "x" * 63 + ".example"),
        ("a b.example", "a_b.example"),
        ("listed.example\0.other.example", "listed.example"),
        ("*.example", "_.example"),
        ("\udcff.example", "_.example"),
    ],
)
def test_what_is_no_name_is_read_as_a_lenient_server_would(text: str, value: str) -> None:
    """Text that no name can have still stands below the names that it stands below."""
    assert read_target(text, Channel.HTTP) == Target(value, Channel.HTTP)


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_reading_never_raises(text: str) -> None:
    """No text whatever makes reading a target fail."""
    target = read_target(text, Channel.HTTP)
    assert target is None or target.value == read_target(str(target.value), Channel.HTTP).value  # type: ignore[union-attr]


@given(st.integers(0, 2**32 - 1))
def test_addresses_as_one_number(number: int) -> None:
    """A whole IPv4 address written as one number is that address, as it is for the system's resolver."""
    assert read_address(str(number)) == read_address(hex(number)) == ip_address(number)


@given(st.binary())
def test_server_names_never_raise(body: bytes) -> None:
    """No extension body makes reading the server names fail."""
    assert all(isinstance(name, str) for name in server_names(body))


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
def test_server_names_finds_all(names: list[bytes]) -> None:
    """Every name of a server_name extension is found, not only a single one."""
    body = server_name_extension(*names)
    assert list(server_names(body)) == [name.decode("utf-8", "replace") for name in names]


def _hello_data(raw: bytes, address: tuple[str, int] | None, transport: str = "tcp") -> ClientHelloData:
    assert starts_like_tls_record(raw)
    hello = parse_client_hello(raw)
    assert hello is not None
    return ClientHelloData(proxy_context(address, transport), hello)


def test_hello_names_then_destination() -> None:
    """The SNI comes first, then the CONNECT authority, each once."""
    data = _hello_data(client_hello("www.TikTok.com"), ("www.tiktok.com", 443))
    assert hello_targets(data) == [Target("www.tiktok.com", Channel.SNI), Target("www.tiktok.com", Channel.HTTP)]


def test_hello_over_udp_is_quic() -> None:
    """The same hello over UDP is seen on the QUIC channel, an address behind it on the IP channel."""
    data = _hello_data(client_hello("www.tiktok.com"), ("192.0.2.7", 443), "udp")
    assert hello_targets(data) == [
        Target("www.tiktok.com", Channel.QUIC),
        Target(ip_address("192.0.2.7"), Channel.IP),
    ]


def test_hello_without_name() -> None:
    """Without SNI only the destination speaks."""
    data = _hello_data(client_hello(), ("192.0.2.7", 443))
    assert hello_targets(data) == [Target(ip_address("192.0.2.7"), Channel.IP)]


def test_hello_with_two_names() -> None:
    """A second name in the extension, which mitmproxy takes for no SNI at all, does not hide the first."""
    data = _hello_data(client_hello("www.tiktok.com", "www.example.org"), None)
    assert [target.value for target in hello_targets(data)] == ["www.tiktok.com", "www.example.org"]


def test_destination_may_be_unknown() -> None:
    """A connection that is to go nowhere yet names nothing."""
    assert destination_targets(None) == []


@pytest.mark.parametrize(
    "host",
    ["www.tiktok.com", "WWW.TIKTOK.COM.:80", "www.tiktok.com:", " www.tiktok.com :80", "me@www.tiktok.com:99999"],
)
def test_request_names_its_host_field(host: str) -> None:
    """A Host field that differs from the destination is named too, however it is written."""
    request = tutils.treq(host="192.0.2.7", headers=Headers(((b"host", host.encode()),)))
    targets = request_targets(tflow.tflow(req=request))
    assert Target("www.tiktok.com", Channel.HTTP) in targets
    assert Target(ip_address("192.0.2.7"), Channel.IP) in targets


def test_request_names_every_host_field() -> None:
    """Of two Host fields neither is overlooked, nor is the name that the connection was opened under."""
    fields = Headers(((b"Host", b"www.example.org"), (b"host", b"vm.tiktok.com")))
    flow = tflow.tflow(req=tutils.treq(host="front.example", headers=fields))
    flow.client_conn.sni = "m.tiktok.com"
    assert {target.value for target in request_targets(flow)} == {
        "www.example.org",
        "vm.tiktok.com",
        "front.example",
        "m.tiktok.com",
    }
