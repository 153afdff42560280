"""A forwarder in a loop with a clock of the test's and real sockets, and what tests of it share."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

import pytest

from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream import forwarder, stream, udp
from dnsfilter.upstream.forwarder import Forwarder
from tests.fakes.looping import run_strictly
from tests.fakes.resolving import identifier_of, make_query, make_resolver
from tests.fakes.upstream import FakeUpstream

TICK = 0.05
SERVFAIL = 2

EDE_NO_REACHABLE_AUTHORITY = b"\0\x0f\0\2\0\x16"
EDE_STALE = b"\0\x0f\0\2\0\3"


class House:
    """A forwarder in a running loop; what it answers gathers in `responses`, by the ID that the client chose."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.resolver = make_resolver(rate_limit={"per_client_qps": 0})
        self.journal = self.resolver.tally.journal
        self.forwarder = Forwarder(self.resolver, self.journal, lambda: None)
        self.responses: dict[int, list[bytes]] = {}
        self.sockets: dict[socket.socket, int] = {}
        """Sockets of upstreams that are open, each with the port it asks."""

    def adopt(
        self,
        *servers: str,
        routes: Sequence[tuple[str, str]] = (),
        loop_key: bytes = b"",
        **settings: int,
    ) -> None:
        """Ask these servers, and others for the names of routes."""
        upstreams = [Upstream(servers=servers), *(Upstream(servers=(text,), domains=(name,)) for name, text in routes)]
        self.forwarder.adopt(upstreams, self._watch, self._unwatch, Forwarding(**settings), loop_key)

    def _watch(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self.sockets[sock] = sock.getpeername()[1]
        asyncio.get_running_loop().add_reader(sock, callback)

    def _unwatch(self, sock: socket.socket) -> None:
        del self.sockets[sock]
        asyncio.get_running_loop().remove_reader(sock)

    def ask(self, name: str = "www.example", identifier: int = 1, qtype: int = 1) -> None:
        """Let a client ask; queries of one test leave together with `flush` or with the next tick."""
        seat = self.resolver.seats.take(b"\x7f\0\0\1", self.clock)
        result = self.resolver.receive(make_query(name, qtype, identifier), seat, Transport.UDP, self.clock)
        if isinstance(result, Pending):
            result.send, result.token = self._take, identifier
            self.forwarder.submit(result, self.clock)
        else:
            assert result
            self._take(identifier, result)

    def _take(self, identifier: int, response: bytes) -> None:
        assert identifier_of(response) == identifier
        self.responses.setdefault(identifier, []).append(response)

    def advance(self, seconds: float) -> None:
        """Let time pass as the worker does: in ticks."""
        for _ in range(round(seconds / TICK)):
            self.clock += TICK
            self.forwarder.tick(self.clock)

    async def settle(self, condition: Callable[[], object], seconds: float = 3) -> None:
        """Wait, in real time, until what is on its way has arrived."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for knows no events
                await asyncio.sleep(0.002)

    async def resolve(self, name: str = "www.example", identifier: int = 1, qtype: int = 1) -> bytes:
        """Ask and return the response that comes without any time passing."""
        self.ask(name, identifier, qtype)
        self.forwarder.flush()
        await self.settle(lambda: identifier in self.responses)
        return self.response(identifier)

    def response(self, identifier: int = 1) -> bytes:
        """Return the one response that a client got."""
        (response,) = self.responses[identifier]
        return response

    def count(self, outcome: str, server: str) -> float:
        """Return what the journal says of exchanges with a server."""
        self.forwarder.report(self.clock)
        return self.journal.counters["upstream_exchanges", server, outcome]


def run_with_house(monkeypatch: pytest.MonkeyPatch, test: Callable[[House], Awaitable[None]]) -> None:
    """Run a test in a loop, with a house whose clock all use; fail when anything was raised where nobody looks."""

    async def main() -> None:
        house = House()
        for module in (forwarder, udp, stream):
            monkeypatch.setattr(module, "monotonic", lambda: house.clock)
        await test(house)

    run_strictly(main)


Run = Callable[[Callable[[House], Awaitable[None]]], None]
Start = Callable[..., FakeUpstream]
