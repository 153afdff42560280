"""Listening sockets: one set per worker on the same ports (SO_REUSEPORT), opened by whoever may, used by the worker.

They outlive a worker that dies: what arrives meanwhile waits in them for the next one.
"""

import errno
import socket
from collections.abc import Iterable

from dnsfilter.errors import ProcessError
from dnsfilter.values import Endpoint

RECEIVE_BUFFER = 4 * 1024 * 1024
BACKLOG = 100
"""How many connections may wait to be taken: with more, a new one would wait too long for its turn."""

KEY = "listen.dns"

BOTH = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
STREAM = (socket.SOCK_STREAM,)

_IPV6 = ("::1", "::")
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def open_sockets(endpoints: Iterable[Endpoint], kinds: Iterable[socket.SocketKind] = BOTH) -> list[socket.socket]:
    """Open a socket of each kind per endpoint; an IPv6 loopback that this machine lacks is left out.

    ProcessError names the endpoint that cannot be had.
    """
    return [_open(endpoint, kind) for endpoint in endpoints if is_available(endpoint) for kind in kinds]


def check_free(
    endpoints: Iterable[Endpoint],
    key: str = KEY,
    kinds: Iterable[socket.SocketKind] = BOTH,
) -> None:
    """Raise ProcessError where an endpoint is somebody else's; SO_REUSEPORT alone would share it silently."""
    for endpoint in endpoints:
        if is_available(endpoint):
            for kind in kinds:
                _bind(socket.socket(_family(endpoint), kind), endpoint, key).close()


def is_available(endpoint: Endpoint) -> bool:
    """Whether this machine has the address; only IPv6 as such may be missing without that being a mistake."""
    if endpoint.host not in _IPV6:
        return True
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind((endpoint.host, 0))
    except OSError as error:
        return error.errno not in _NO_SUCH_FAMILY
    return True


def _family(endpoint: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET


def _open(endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(_family(endpoint), kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if kind == socket.SOCK_DGRAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    _bind(sock, endpoint, KEY)
    if kind == socket.SOCK_STREAM:
        sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _bind(sock: socket.socket, endpoint: Endpoint, key: str) -> socket.socket:
    if sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        sock.bind((endpoint.host, endpoint.port))
    except OSError as error:
        sock.close()
        kind = "UDP" if sock.type == socket.SOCK_DGRAM else "TCP"
        raise ProcessError(f"{key}: {endpoint} ({kind}): {error.strerror}") from None
    return sock
