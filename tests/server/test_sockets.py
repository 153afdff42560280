"""Listening sockets: who has them, who cannot have them, and what is said then."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dnsfilter.errors import ProcessError
from dnsfilter.server import sockets
from dnsfilter.server.sockets import check_free, is_available, open_sockets
from dnsfilter.values import Endpoint
from tests.processes import free_port


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def test_one_of_each_kind_per_endpoint(stack: ExitStack) -> None:
    """Every endpoint gets a UDP and a listening TCP socket, not blocking, IPv6 without IPv4."""
    endpoints = [Endpoint("127.0.0.1", free_port()), Endpoint("::1", free_port())]
    opened = [stack.enter_context(sock) for sock in open_sockets(endpoints)]
    kinds = [(sock.family, sock.type) for sock in opened]
    assert kinds == [
        (family, kind)
        for family in (socket.AF_INET, socket.AF_INET6)
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    ]
    assert all(not sock.getblocking() for sock in opened)
    assert [sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) for sock in opened[2:]] == [1, 1]
    assert opened[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 200_000
    socket.create_connection(("127.0.0.1", endpoints[0].port), timeout=2).close()


def test_workers_share_an_endpoint(stack: ExitStack) -> None:
    """A second set on the same endpoint is possible for ourselves, and then it is no longer free."""
    endpoints = [Endpoint("127.0.0.1", free_port())]
    check_free(endpoints)
    for _ in range(3):
        for sock in open_sockets(endpoints):
            stack.enter_context(sock)
    with pytest.raises(ProcessError):
        check_free(endpoints)


@pytest.mark.parametrize(
    ("kind", "shown"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")], ids=["UDP", "TCP"]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_port_is_named(stack: ExitStack, kind: socket.SocketKind, shown: str, host: str) -> None:
    """The error names key, endpoint, kind and the system's reason, whoever notices."""
    endpoint = Endpoint(host, free_port())
    holder = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind))
    holder.bind((host, endpoint.port))
    if kind == socket.SOCK_STREAM:
        holder.listen()
    for notice in (check_free, open_sockets):
        with pytest.raises(ProcessError) as refusal:
            notice([endpoint])
        assert str(refusal.value) == f"listen.dns: {endpoint} ({shown}): Address already in use"


def test_another_key_and_only_one_kind(stack: ExitStack) -> None:
    """Who asks for TCP only is not told of UDP, and the error names the key it was asked for."""
    endpoint = Endpoint("127.0.0.1", free_port())
    holder = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    holder.bind((endpoint.host, endpoint.port))
    check_free([endpoint], "listen.metrics", [socket.SOCK_STREAM])
    with pytest.raises(ProcessError, match=r"listen\.metrics: 127\.0\.0\.1:\d+ \(UDP\)"):
        check_free([endpoint], "listen.metrics", [socket.SOCK_DGRAM])


def test_an_address_of_somebody_else() -> None:
    """An address that this machine does not have is named."""
    with pytest.raises(ProcessError, match=r"listen\.dns: 192\.0\.2\.1:53 \(UDP\): Cannot assign requested address"):
        open_sockets([Endpoint("192.0.2.1", 53)])


def test_the_ipv6_loopback_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where IPv6 is switched off its loopback is left out, and nothing else is."""
    real, endpoint = socket.socket, Endpoint("127.0.0.1", free_port())

    def refuse_ipv6(family: int = -1, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(sockets.errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest)

    monkeypatch.setattr(sockets.socket, "socket", refuse_ipv6)
    opened = open_sockets([endpoint, Endpoint("::1", endpoint.port)])
    check_free([Endpoint("::1", endpoint.port)])
    assert [sock.getsockname() for sock in opened] == [("127.0.0.1", endpoint.port)] * 2
    assert not is_available(Endpoint("::1", 53))
    assert is_available(Endpoint("2001:db8::1", 53))
    for sock in opened:
        sock.close()
