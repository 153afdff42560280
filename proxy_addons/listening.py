"""Servers of mitmproxy's modes on sockets that others opened, so that several processes share one port.

Replaces only where a server listens; what it does with a connection stays mitmproxy's. Only one process is told to take
what comes over UDP, because those sockets cannot be handed over.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mitmproxy_rs
from mitmproxy.addons.proxyserver import Proxyserver, Servers
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode

BACKLOG = 1024
UDP = "udp"
EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - where a mode without an address listens


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

    def __init__(self, manager: Proxyserver, places: Mapping[str, Place]) -> None:
        super().__init__(manager)
        self._places = places

    async def update(self, modes: Iterable[ProxyMode]) -> bool:
        """Start the servers of all modes."""
        for mode in modes:
            instance: ServerInstance[Any] = ServerInstance.make(mode, self._manager)
            if isinstance(instance, AsyncioServerInstance):
                instance.listen = Listening(instance, self._places[mode.full_spec])  # type: ignore[method-assign]
            await instance.start()
            self._instances[mode] = instance
        return True


class Listening:
    """Stands for `listen` of one server."""

    def __init__(self, instance: AsyncioServerInstance[Any], place: Place) -> None:
        self._instance = instance
        self._place = place

    async def __call__(self, host: str, port: int) -> list[asyncio.Server | mitmproxy_rs.udp.UdpServer]:
        """Listen on what was inherited, and over UDP on the address given."""
        handle = self._instance.handle_stream
        servers: list[asyncio.Server | mitmproxy_rs.udp.UdpServer] = [
            await asyncio.start_server(handle, sock=sock, backlog=BACKLOG) for sock in self._place.sockets
        ]
        addresses = ((host,) if host else EVERYWHERE) if self._place.has_udp else ()
        return [*servers, *[await mitmproxy_rs.udp.start_udp_server(address, port, handle) for address in addresses]]


class InheritingProxyserver(Proxyserver):
    """mitmproxy's own addon that runs the servers, on inherited sockets."""

    name = "proxyserver"

    def __init__(self, places: Mapping[str, Place]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.servers = InheritingServers(self, places)
