"""Servers of mitmproxy's modes on sockets that others opened, so that several processes share one port.

Replaces only where a server listens; what it does with a connection stays mitmproxy's. Only one process is told to take
what comes over UDP, because those sockets cannot be handed over.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mitmproxy_rs
from mitmproxy.addons.proxyserver import Proxyserver, Servers
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

from proxy_addons.doorkeeper import Doorkeeper, Handle, TurnAway

BACKLOG = 4096
UDP = "udp"
StartOverUdp = Callable[[str, int], Awaitable[Any]]
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - where a mode without an address listens


@dataclass(frozen=True, slots=True)
class Place:
    """Where one mode listens in this process: on inherited sockets, and over UDP by itself where it is told to."""

    sockets: Sequence[socket.socket] = ()
    has_udp: bool = field(default=False)


def read_places(arguments: Iterable[str]) -> dict[str, Place]:
    """Return modes and their places from arguments `MODE=DESCRIPTOR,…`, in which `udp` may stand among descriptors."""
    places = {}
    for argument in arguments:
        mode, _, words = argument.rpartition("=")
        sockets = [socket.socket(fileno=int(word)) for word in words.split(",") if word != UDP]
        places[mode] = Place(sockets, UDP in words.split(","))
    return places


class InheritingServers(Servers):
    """The servers of the modes, each where it was placed."""

    def __init__(self, manager: Proxyserver, places: Mapping[str, Place], turn_away: TurnAway) -> None:
        super().__init__(manager)
        self._places = places
        self._turn_away = turn_away

    async def update(self, modes: Iterable[ProxyMode]) -> bool:
        """Start the servers of all modes."""
        for mode in modes:
            instance: ServerInstance[Any] = ServerInstance.make(mode, self._manager)
            if isinstance(instance, AsyncioServerInstance):
                instance.listen = self._make_listening(instance)  # type: ignore[method-assign]
            await instance.start()
            self._instances[mode] = instance
        return True

    def _make_listening(self, instance: AsyncioServerInstance[Any]) -> "Listening":
        handle: Any = instance.handle_stream
        mode, place = instance.mode, self._places[instance.mode.full_spec]
        at_door = Doorkeeper(mode, self._turn_away, handle) if isinstance(mode, ReverseMode) else handle
        return Listening(place, at_door, _find_start_over_udp(instance, handle))


def _find_start_over_udp(instance: AsyncioServerInstance[Any], handle: Any) -> StartOverUdp:  # noqa: ANN401 - differs
    """Return how a mode listens over UDP: mitmproxy 12 says it of each, WireGuard included, 11 has one way for all."""
    start: StartOverUdp | None = getattr(instance, "start_udp_based_server", None)
    return start or (lambda host, port: mitmproxy_rs.udp.start_udp_server(_bracket(host), port, handle))


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Listening:
    """Stands for `listen` of one server."""

    def __init__(self, place: Place, over_tcp: Handle, start_over_udp: StartOverUdp) -> None:
        self._place = place
        self._over_tcp = over_tcp
        self._start_over_udp = start_over_udp

    async def __call__(self, host: str, port: int) -> list[asyncio.Server | mitmproxy_rs.udp.UdpServer]:
        """Listen on what was inherited, and over UDP on the address given."""
        servers: list[asyncio.Server | mitmproxy_rs.udp.UdpServer] = [
            await asyncio.start_server(self._over_tcp, sock=sock, backlog=BACKLOG) for sock in self._place.sockets
        ]
        addresses = ((host,) if host else EVERYWHERE) if self._place.has_udp else ()
        return [*servers, *[await self._start_over_udp(address, port) for address in addresses]]


class InheritingProxyserver(Proxyserver):
    """mitmproxy's own addon that runs the servers, on inherited sockets."""

    name = "proxyserver"

    def __init__(self, places: Mapping[str, Place], turn_away: TurnAway) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.servers = InheritingServers(self, places, turn_away)
