"""The upstreams of one worker: made when the configuration names them, kept while it does, found by name."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

from dnsfilter.journal import Journal
from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream.attempts import Exchange
from dnsfilter.upstream.bootstrap import find_addresses
from dnsfilter.upstream.https import connect_https
from dnsfilter.upstream.loops import Loops
from dnsfilter.upstream.routes import Routes
from dnsfilter.upstream.secure import Identity
from dnsfilter.upstream.server import Server
from dnsfilter.upstream.stream import Connect, StreamUpstream
from dnsfilter.upstream.tcp import connect_tcp
from dnsfilter.upstream.tls import connect_tls
from dnsfilter.upstream.udp import UdpUpstream, Unwatch, Watch
from dnsfilter.values import UpstreamServer

_Key = tuple[UpstreamServer, str | None, tuple[str, ...]]
"""What makes an upstream another one: how it is configured, and who or what vouches for it."""


class Listener(Protocol):
    """Who hears what comes of asking."""

    def take_response(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Take a response that matches an exchange."""

    def take_tcp_response(self, server: Server, exchange: Exchange, message: bytes, now: float) -> None:
        """Take a response to what was asked over TCP in place of UDP."""

    def take_suspicion(self, server: Server, exchanges: Sequence[Exchange], now: float) -> None:
        """Take exchanges that somebody else may have tried to answer."""

    def take_failure(self, server: Server, exchange: Exchange, now: float) -> None:
        """Take an exchange that will not be answered."""

    def take_tcp_failure(self, server: Server, exchange: Exchange, now: float) -> None:
        """Take an exchange that will not be answered over TCP in place of UDP."""

    def end_batch(self) -> None:
        """Send what became ready."""


class Pool:
    """The upstreams, and which are asked for which name."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._servers: dict[_Key, Server] = {}
        self._configured: dict[str, list[Server]] = {}
        self._routes: Routes[list[Server]]

    def adopt(
        self, upstreams: Iterable[Upstream], settings: Forwarding, watch: Watch, unwatch: Unwatch
    ) -> list[Server]:
        """Have these upstreams from now on, those that stay as they are; return those that are gone, closed."""
        before, self._servers, self._configured = self._servers, {}, {}
        for upstream in upstreams:
            keys = [_identify(server, upstream) for server in upstream.servers]
            servers = [self._adopt_server(key, before, watch, unwatch) for key in keys]
            self._configured.update(dict.fromkeys(upstream.domains or ("",), servers))
        self.leave_out_loops()
        for server in self._servers.values():
            if server.is_plain:
                server.udp.adopt(settings)
        gone = [server for key, server in before.items() if key not in self._servers]
        for server in gone:
            server.close()
        return gone

    def find(self, name: str) -> list[Server]:
        """Return the servers to ask for a name."""
        return self._routes.find(name)

    def leave_out_loops(self) -> None:
        """Find only those that do not lead back to us."""
        routes = {
            suffix: [server for server in servers if not server.is_loop] for suffix, servers in self._configured.items()
        }
        self._routes = Routes(routes.pop(""), routes)

    def flush(self) -> None:
        """Send what was asked."""
        for server in self._servers.values():
            server.flush()

    def report(self, journal: Journal, loops: Loops, now: float) -> None:
        """Write the state of the upstreams to the journal, and look for loops; once a second."""
        for server in self._servers.values():
            server.report(journal, now)
            server.look_for_loop(loops, now)

    def _adopt_server(self, key: _Key, before: dict[_Key, Server], watch: Watch, unwatch: Unwatch) -> Server:
        server = self._servers.get(key) or before.get(key)
        if server is None:
            server = Server(key[0])
            if server.is_plain:
                self._add_plain(server, watch, unwatch)
            else:
                self._add_encrypted(server, *key)
        self._servers[key] = server
        return server

    def _add_plain(self, server: Server, watch: Watch, unwatch: Unwatch) -> None:
        listener = self._listener
        server.transport = server.udp = UdpUpstream(
            server.endpoint,
            partial(listener.take_response, server),
            partial(listener.take_suspicion, server),
            listener.end_batch,
            watch,
            unwatch,
        )
        server.tcp = StreamUpstream(
            f"{server.label} over TCP",
            partial(connect_tcp, endpoint=server.endpoint, find_opts=lambda: server.udp.opts),
            partial(listener.take_tcp_response, server),
            partial(listener.take_tcp_failure, server),
            _ignore,
            listener.end_batch,
        )

    def _add_encrypted(self, server: Server, configured: UpstreamServer, ca: str | None, pins: tuple[str, ...]) -> None:
        identity = Identity(configured.hostname, ca, pins)
        connect: Connect = partial(connect_tls, endpoint=server.endpoint, identity=identity)
        if configured.scheme == "https":
            connect = partial(
                connect_https,
                url=server.label,
                endpoint=server.endpoint,
                identity=identity,
                find_addresses=self._find_addresses,
            )
        server.transport = StreamUpstream(
            server.label,
            connect,
            partial(self._listener.take_response, server),
            partial(self._listener.take_failure, server),
            server.health.lose,
            self._listener.end_batch,
        )

    async def _find_addresses(self, host: str) -> list[str]:
        """Ask the plain upstreams that are asked for this name."""
        return await find_addresses(host, [server.endpoint for server in self.find(host) if server.is_plain])


def _identify(server: UpstreamServer, upstream: Upstream) -> _Key:
    return (server, None, ()) if server.scheme == "udp" else (server, upstream.ca, upstream.pins)


def _ignore(_now: float) -> None:
    """Make nothing of it that TCP does not work: UDP may."""
