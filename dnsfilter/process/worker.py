"""A worker: answers queries by the snapshot in force, and goes on doing so whatever else dies.

`python -m dnsfilter.process.worker STATE_DIRECTORY NAME DESCRIPTOR…` serves the inherited sockets until SIGTERM.
"""

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any

import uvloop

from dnsfilter.cache import Cache
from dnsfilter.channel import Sender
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.defects import describe
from dnsfilter.errors import DnsfilterError, SnapshotError
from dnsfilter.feeds import clients, snapshot
from dnsfilter.feeds.clients import read_clients
from dnsfilter.feeds.snapshot import Snapshot, read_snapshot
from dnsfilter.feeds.watch import Watch
from dnsfilter.journal import Journal
from dnsfilter.localdata import LocalData
from dnsfilter.model import Transport
from dnsfilter.policy.engine import Engine
from dnsfilter.process.lifeline import VARIABLE, Lifeline
from dnsfilter.resolver import Resolver
from dnsfilter.server.accepting import Acceptor
from dnsfilter.server.https import HttpsServer
from dnsfilter.server.places import Places
from dnsfilter.server.precedence import Precedence
from dnsfilter.server.tcp import TcpServer
from dnsfilter.server.tls import TlsServer
from dnsfilter.server.udp import UdpServer
from dnsfilter.server.vestibule import Vestibule
from dnsfilter.tally import Tally
from dnsfilter.upstream.forwarder import Forwarder
from dnsfilter.values import Network

TICK = 0.05
SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that prepares what comes next lets answers go first; Python's own are ten times that."""

LOOK = 0.1
"""Seconds between looks for what was published: a change of a file takes effect within two."""

SECOND = 1.0
ATTENDANCE_SECONDS = 60.0
"""How often the manager hears who has asked: it compares that with who is at the proxy."""

GRACE = 2.0
"""Seconds that a worker told to end waits for its upstreams."""

FAREWELL = 1.0
"""Seconds in which clients see that their connections end, and ask elsewhere."""

_GONE = object()

_log = logging.getLogger("dnsfilter.worker")


class Rules:
    """A snapshot and what is made of it, which takes long for much local data and is done beside the answers."""

    def __init__(self, fresh: Snapshot) -> None:
        self.snapshot = fresh
        self.engine = Engine(fresh.configuration, fresh.lists, fresh.local)
        self.local = LocalData(fresh.configuration.records, fresh.configuration.listen, fresh.local)


class Worker:
    """One process that answers queries."""

    def __init__(self, state: Path, name: str, sockets: list[socket.socket], lifeline: Lifeline) -> None:
        self._state = state
        self._lifeline = lifeline
        self._sockets = sockets
        self._watches = [Watch(state / snapshot.FILE_NAME), Watch(state / clients.FILE_NAME)]
        self.journal = Journal(name, secrets.token_hex(8))
        self._snapshot = read_snapshot(state)
        self._resolver = Resolver(Tally(self.journal), Cache(self._snapshot.configuration.cache))
        self._forwarder = Forwarder(self._resolver, self.journal, self._flush_responses)
        self._udp = [
            UdpServer(sock, self._resolver, self._forwarder.submit, self._forwarder.flush)
            for sock in sockets
            if sock.type == socket.SOCK_DGRAM
        ]
        self._places = Places(self._snapshot.configuration.connections)
        self._precedence = Precedence([server.on_readable for server in self._udp])
        wiring = self._resolver, self._forwarder.submit, self._forwarder.flush, self._places, self._precedence
        self._tcp, self._tls, self._https = TcpServer(*wiring), TlsServer(*wiring), HttpsServer(*wiring)
        self._streams = (self._tcp, self._tls, self._https)
        self._sender = Sender(state, self.journal)
        self._attendance_due = 0.0
        self._next_change: float | None = None
        self._letting_go: deque[Iterator[None]] = deque()
        self._listening: list[Acceptor] = []
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Serve until told to end and another serves in our place, then answer what is still waiting."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_unexpected)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        self._adopt(Rules(self._snapshot), self._read_table())
        for server in self._udp:
            loop.add_reader(server.socket, server.on_readable)
        listen = self._snapshot.configuration.listen
        encrypted: dict[tuple[str, int], TcpServer] = dict.fromkeys(listen.tls, self._tls)
        encrypted |= dict.fromkeys(listen.https, self._https)
        for sock in self._sockets:
            if sock.type == socket.SOCK_STREAM:
                stream = encrypted.get(sock.getsockname()[:2], self._tcp)
                make = partial(_make_connection, stream, listen.proxy_protocol)
                is_enough = bool if listen.proxy_protocol else stream.is_enough
                self._listening.append(Acceptor(sock, make, is_enough, self._places, self._precedence))
        _tame_garbage_collector()
        background = [
            loop.create_task(self._tick()),
            loop.create_task(self._account()),
            loop.create_task(self._watch()),
            loop.create_task(self._sender.run()),
        ]
        self._lifeline.say_ready()
        ending = loop.create_task(self._hand_over())
        await asyncio.wait([ending, *background], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        await self._end(loop, background)

    async def _hand_over(self) -> None:
        """Wait until told to end, then go on serving on the shared sockets until the successor does."""
        await self._ending.wait()
        await self._lifeline.leave()

    def _flush_responses(self) -> None:
        for server in self._udp:
            server.flush()

    async def _tick(self) -> None:
        """Look after what waits for upstreams."""
        while True:
            await asyncio.sleep(TICK)
            self._forwarder.tick(monotonic())
            if self._letting_go and next(self._letting_go[0], _GONE) is _GONE:
                self._letting_go.popleft()

    async def _account(self) -> None:
        """Once a second: counts to the journal, idle connections out."""
        while True:
            await asyncio.sleep(SECOND)
            self._report()
            self._places.close_idle(monotonic())
            gc.freeze()

    async def _watch(self) -> None:
        """Put new snapshots and the next phase into force."""
        while True:
            await asyncio.sleep(LOOK)
            changes = [watch.changed() for watch in self._watches]
            if any(changes):
                await self._renew(is_other_snapshot=changes[0])
            elif self._next_change is not None and time() >= self._next_change:
                self._change(self._rules, self._table)

    def _report(self) -> None:
        hits = [server.take_hits() for server in self._udp]
        count, seconds = sum(count for count, _ in hits), sum(seconds for _, seconds in hits)
        self.journal.count("queries", Transport.UDP, by=count)
        self.journal.count("udp_responses_lost", by=sum(server.take_lost() for server in self._udp))
        for stream in self._streams:
            self.journal.count("queries", stream.transport, by=stream.take_hits())
        for reason, closed in self._places.closed.items():
            self.journal.count("connections_closed", reason, by=closed)
        self._places.closed.clear()
        self.journal.gauges["connections",] = len(self._places)
        self._resolver.flush(seconds / max(count, 1), time())
        self._forwarder.report(monotonic())
        self.journal.gauges["cache_entries",] = len(self._resolver.cache)
        self.journal.gauges["cache_bytes",] = self._resolver.cache.size
        self.journal.gauges["snapshot_generation",] = self._snapshot.generation
        if monotonic() >= self._attendance_due:
            self._attendance_due = monotonic() + ATTENDANCE_SECONDS
            self.journal.clients.update(self._resolver.seats.list_clients())

    async def _renew(self, *, is_other_snapshot: bool) -> None:
        """Take what was published; something damaged leaves the last good one in force."""
        rules = self._rules
        if is_other_snapshot:
            try:
                rules = await asyncio.to_thread(_read_rules, self._state)
            except SnapshotError as error:
                _log.error("%s; generation %d stays in force", error, self._snapshot.generation)
        table = await asyncio.to_thread(self._read_table)
        self._report()
        self._change(rules, table)

    def _read_table(self) -> ClientTable:
        try:
            return read_clients(self._state)
        except SnapshotError as error:
            _log.error("%s; devices known before stay known", error)
            return getattr(self, "_table", ClientTable())

    def _change(self, rules: Rules, table: ClientTable) -> None:
        """Put others in force; what was remembered of clients goes little by little."""
        before = self._resolver.seats
        self._adopt(rules, table)
        self._letting_go.append(before.let_go())

    def _adopt(self, rules: Rules, table: ClientTable) -> None:
        fresh, today = rules.snapshot, time()
        configuration = fresh.configuration
        directory = Directory(configuration.groups, table)
        self._resolver.adopt(configuration, rules.engine, directory, today, fresh.secrets, rules.local)
        self._resolver.tally.sample.adopt(configuration.sample, self._resolver.seats.find_mark)
        loop = asyncio.get_running_loop()
        self._forwarder.adopt(
            configuration.upstreams,
            loop.add_reader,
            loop.remove_reader,
            configuration.forwarding,
            fresh.loop_key,
            configuration.waiting,
        )
        self._places.adopt(configuration.connections)
        self._tls.adopt(configuration.listen.certificate, configuration.listen.name)
        self._https.adopt(configuration.listen.certificate, configuration.listen.name)
        self._snapshot, self._rules, self._table = fresh, rules, table
        self._next_change = rules.engine.next_change(today)

    async def _say_farewell(self) -> None:
        """End connections as soon as they wait for nothing, without a reset; new ones wait for the next worker."""
        for listening in self._listening:
            listening.close()
        until, told = monotonic() + FAREWELL, set()
        while (self._places or any(each.is_letting_in for each in self._listening)) and monotonic() < until:
            for holder in self._places:
                if holder not in told and not holder.is_busy:
                    told.add(holder)
                    holder.finish()
            await asyncio.sleep(TICK / 5)
        for holder in self._places:
            holder.close()

    async def _end(self, loop: asyncio.AbstractEventLoop, background: list[asyncio.Task[None]]) -> None:
        await self._say_farewell()
        for server in self._udp:
            server.on_readable()
            loop.remove_reader(server.socket)
        self._forwarder.flush()
        for _ in range(int(GRACE / TICK)):
            if self._forwarder.is_busy:
                await asyncio.sleep(TICK)
        for task in background:
            task.cancel()
        results = await asyncio.gather(*background, return_exceptions=True)
        self._report()
        await self._sender.flush()
        for failure in results:
            if isinstance(failure, Exception):
                raise failure


def _read_rules(state: Path) -> Rules:
    return Rules(read_snapshot(state))


def _make_connection(stream: TcpServer, trusted: Sequence[Network], client: bytes) -> asyncio.BaseProtocol:
    """Return the protocol of a new connection."""
    return Vestibule(stream, trusted) if trusted else stream.make_connection(client)


def _tame_garbage_collector() -> None:
    """Let no collection pause the answers: nothing on the query path makes cycles.

    What has lived for a second is set aside (`gc.freeze`, which only relinks a list); what is younger is looked at only
    when there is far more of it than queries make in a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 1_000_000)


def _log_unexpected(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what nobody caught in one line, and go on."""
    error = context.get("exception")
    _log.error("unexpected: %s", f"{describe(error)} ({context.get('message')})" if error else context.get("message"))


def main() -> int:
    """Run a worker; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    sys.setswitchinterval(SWITCH_INTERVAL)
    state, name, *descriptors = sys.argv[1:]
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors]
    try:
        uvloop.run(Worker(Path(state), name, sockets, Lifeline(os.environ.get(VARIABLE))).run())
    except DnsfilterError as error:
        _log.error("%s", error)
        return 2
    except Exception as error:  # noqa: BLE001 - the border of the process: the supervisor starts another
        _log.error("ends unexpectedly: %s", describe(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
