"""Which sockets workers get: given ones are matched to the configuration, the others opened."""

import os
import socket
from contextlib import ExitStack

import pytest

from dnsfilter.errors import ProcessError
from dnsfilter.process.listening import open_listeners
from dnsfilter.server.inherited import Given
from dnsfilter.settings.resolver import Listen
from dnsfilter.values import parse_endpoint
from tests.processes import free_port

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def ask_for(**places: list[str]) -> Listen:
    """Return what the configuration would say; without a certificate, which only others need."""
    wanted = {key: tuple(map(parse_endpoint, places.get(key, ()))) for key in ("dns", "tls", "https")}
    return Listen().model_copy(update=wanted)


def give(kind: socket.SocketKind, port: int, name: str = "", host: str = "127.0.0.1") -> Given:
    """Return a socket as systemd would give it."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    sock.bind((host, port))
    if kind == TCP:
        sock.listen()
    return Given(sock, name)


def take(descriptor: int) -> tuple[int, int]:
    """Return kind and inode of a socket, which is closed."""
    with socket.socket(fileno=descriptor) as sock:
        return sock.type, os.fstat(sock.fileno()).st_ino


def test_without_given_ones_each_worker_has_its_own() -> None:
    """Every worker gets a socket of each kind for every endpoint, none of them another's."""
    port = free_port()
    listen = ask_for(dns=[f"127.0.0.1:{port}"], tls=[f"127.0.0.1:{free_port()}"])
    workers = [[take(each) for each in sockets] for sockets in open_listeners(listen, 2)]
    assert [sorted(kind for kind, _ in sockets) for sockets in workers] == [[TCP, TCP, UDP]] * 2
    assert len({inode for sockets in workers for _, inode in sockets}) == 6


def test_given_ones_are_shared_and_the_others_opened() -> None:
    """A given socket is in place of one that would be opened, the same for all workers."""
    port = free_port()
    given = give(UDP, port, "dns")
    inode = os.fstat(given.sock.fileno()).st_ino
    first, second = open_listeners(ask_for(dns=[f"127.0.0.1:{port}"]), 2, [given])
    assert first[0] == second[0]
    assert not os.get_blocking(first[0])
    assert [take(first[0]), take(first[1])[0], take(second[1])[0]] == [(UDP, inode), TCP, TCP]


@pytest.mark.parametrize(
    ("kind", "name", "listen", "reason"),
    [
        (TCP, "dns", {"dns": ["127.0.0.1:9"]}, "(TCP): no key of listen names it"),
        (UDP, "", {"dns": [], "tls": ["PLACE"]}, "(UDP): no key of listen names it"),
        (TCP, "tls", {"dns": ["PLACE"]}, "(TCP): is called 'tls', but listen.dns names it"),
        (TCP, "dns", {"dns": [], "https": ["PLACE"]}, "(TCP): is called 'dns', but listen.https names it"),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: socket.SocketKind, name: str, listen: dict[str, list[str]], reason: str
) -> None:
    """A socket that the configuration does not name, or names otherwise, is one line with its place."""
    port = free_port()
    given = give(kind, port, name)
    keys = {key: [place.replace("PLACE", f"127.0.0.1:{port}") for place in places] for key, places in listen.items()}
    with given.sock, pytest.raises(ProcessError) as caught:
        open_listeners(ask_for(**keys), 1, [given])
    assert str(caught.value) == f"socket given by systemd: 127.0.0.1:{port} {reason}"


def test_every_misfit_is_named() -> None:
    """Twice the same, a connection, one for both families, one of another family: a line each."""
    port = free_port()
    listen = ask_for(dns=[f"127.0.0.1:{port}", f"[::]:{port}"])
    with ExitStack() as stack:
        one = stack.enter_context(socket.socket(socket.AF_INET, TCP))
        one.bind(("127.0.0.1", port))
        both = stack.enter_context(socket.socket(socket.AF_INET6, UDP))
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", port))
        local = stack.enter_context(socket.socket(socket.AF_UNIX, TCP))
        with pytest.raises(ProcessError) as caught:
            open_listeners(listen, 1, [Given(one, ""), Given(both, ""), Given(local, "")])
        assert str(caught.value).splitlines() == [
            f"socket given by systemd: 127.0.0.1:{port} (TCP): is a connection, set Accept=no",
            f"socket given by systemd: [::]:{port} (UDP): takes IPv4 too, set BindIPv6Only=ipv6-only",
            f"socket given by systemd: descriptor {local.fileno()}: is no UDP or TCP socket",
        ]


def test_a_place_given_twice() -> None:
    """Two sockets for one place are one too many."""
    port = free_port()
    given = give(TCP, port)
    again = Given(given.sock.dup(), "")
    with given.sock, again.sock, pytest.raises(ProcessError, match="is given twice"):
        open_listeners(ask_for(dns=[f"127.0.0.1:{port}"]), 1, [given, again])
