"""The listening sockets of all workers: those that systemd gave, shared by all; those opened here, a set for each.

The configuration says what is listened on. What systemd gives takes the place of a socket that would be opened; what no
key of `listen` names is a mistake of either side, and nothing starts.
"""

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from dnsfilter.errors import ProcessError
from dnsfilter.server.inherited import Given
from dnsfilter.server.sockets import BOTH, RECEIVE_BUFFER, STREAM, check_free, is_available, open_sockets
from dnsfilter.settings.resolver import Listen
from dnsfilter.values import Endpoint

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


class _Place(NamedTuple):
    """One socket: where, of which kind."""

    endpoint: Endpoint
    kind: socket.SocketKind

    def __str__(self) -> str:
        return f"{self.endpoint} ({'UDP' if self.kind == UDP else 'TCP'})"


def open_listeners(listen: Listen, workers: int, given: Sequence[Given] = ()) -> list[list[int]]:
    """Return the descriptors of each worker's sockets; ProcessError names what cannot be had, or is not asked for."""
    keys = dict(_find_places(listen))
    taken = _match(given, keys)
    own = [place for place in keys if place not in taken]
    for place in own:
        check_free([place.endpoint], keys[place], [place.kind])
    shared = [_share(each) for each in given]
    return [[*shared, *_open(own)] for _ in range(workers)]


def _find_places(listen: Listen) -> Iterator[tuple[_Place, str]]:
    """Yield every socket that the configuration asks for, with the key that does."""
    for key, endpoints, kinds in (
        ("dns", listen.dns, BOTH),
        ("tls", listen.tls, STREAM),
        ("https", listen.https, STREAM),
    ):
        for endpoint in endpoints:
            if is_available(endpoint):
                yield from ((_Place(endpoint, kind), f"listen.{key}") for kind in kinds)


def _match(given: Iterable[Given], keys: Mapping[_Place, str]) -> set[_Place]:
    """Return the places whose sockets are given; ProcessError for all that cannot be used."""
    taken: set[_Place] = set()
    complaints: list[str] = []
    for each in given:
        place = _find_place(each.sock)
        reason = _find_fault(each, keys.get(place)) if place else "is no UDP or TCP socket"
        if place is None or reason or place in taken:
            shown = place or f"descriptor {each.sock.fileno()}"
            complaints.append(f"socket given by systemd: {shown}: {reason or 'is given twice'}")
        else:
            taken.add(place)
    if complaints:
        raise ProcessError("\n".join(complaints))
    return taken


def _find_place(sock: socket.socket) -> _Place | None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type not in BOTH:
        return None
    host, port = sock.getsockname()[:2]
    return _Place(Endpoint(host, port), socket.SocketKind(sock.type))


def _find_fault(given: Given, key: str | None) -> str:
    """Return why a socket cannot be used for the key that names its place, nothing where it can."""
    sock, name = given
    if key is None:
        return "no key of listen names it"
    if name in Listen.model_fields and key != f"listen.{name}":
        return f"is called {name!r}, but {key} names it"
    if sock.type == TCP and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "is a connection, set Accept=no"
    if sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        return "takes IPv4 too, set BindIPv6Only=ipv6-only"
    return ""


def _share(given: Given) -> int:
    """Prepare a socket that all workers wait at: whoever comes first takes what is there."""
    given.sock.setblocking(False)
    if given.sock.type == UDP:
        given.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    return given.sock.detach()


def _open(places: Iterable[_Place]) -> list[int]:
    return [sock.detach() for place in places for sock in open_sockets([place.endpoint], [place.kind])]
