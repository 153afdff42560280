"""A worker as a process of its own: sockets inherited, snapshots taken from disk, nobody else around."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dnsfilter.clients.table import ClientTable
from dnsfilter.feeds.clients import publish_clients
from dnsfilter.feeds.snapshot import FILE_NAME, Snapshot, publish_snapshot, read_snapshot
from dnsfilter.model import CompiledList, Grade, Match, Role
from dnsfilter.process import worker as module
from dnsfilter.process.lifeline import Lifeline
from dnsfilter.process.worker import Rules, Worker
from dnsfilter.seats import SLICE
from dnsfilter.server.sockets import open_sockets
from dnsfilter.values import Endpoint
from tests.fakes.published import LISTED, PHASES, configuration, rule
from tests.fakes.resolving import ADDRESS, addresses_in, identifier_of, make_query, rcode_of
from tests.fakes.upstream import FakeUpstream, stay_silent
from tests.processes import Processes, Running, free_port, wait_until

SINKHOLE = "127.0.0.1"


class House:
    """A state directory, the sockets of one worker, and the worker."""

    def __init__(self, state: Path, upstream: FakeUpstream, processes: Processes) -> None:
        self.state = state
        self.upstream = upstream
        self.port = free_port()
        self._processes = processes
        self._sockets = open_sockets([Endpoint("127.0.0.1", self.port), Endpoint("::1", self.port)])

    def publish(self, generation: int = 1, names: tuple[str, ...] = ("tiktok.com",), **settings: Any) -> None:
        """Put a snapshot in force that blocks these names and what is below."""
        phases = settings.pop("phases", {"enforce": PHASES["enforce"]})
        world = configuration(self.state, phases, **{"upstreams": [{"servers": [self.upstream.text]}], **settings})
        rules = tuple(rule(Match.SUFFIX, name) for name in names)
        compiled = CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, len(rules), rules)
        publish_snapshot(Snapshot(generation, time.time(), world, (compiled,)), self.state)

    def start(
        self,
        ready: Callable[[Running], object] | None = None,
        program: Sequence[str] = ("-m", "dnsfilter.process.worker"),
    ) -> Running:
        """Start a worker; return once it answers."""
        descriptors = [sock.fileno() for sock in self._sockets]
        words = [*program, str(self.state), "worker-0", *map(str, descriptors)]
        ready = ready or (lambda _: self.asks(LISTED))
        return self._processes.start("worker", [sys.executable, *words], ready, descriptors=descriptors)

    def asks(self, name: str, host: str = "127.0.0.1", seconds: float = 2) -> bytes | None:
        """Return the response over UDP, None when there is none in time."""
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(seconds)
            client.connect((host, self.port))
            client.send(make_query(name))
            try:
                return client.recv(4096)
            except OSError:
                return None

    def addresses(self, name: str) -> list[str]:
        """Return the addresses that a name has over UDP."""
        response = self.asks(name)
        return addresses_in(response) if response else []

    def asks_over_tcp(self, name: str) -> bytes:
        """Return the response over TCP."""
        query = make_query(name, identifier=77)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(len(query).to_bytes(2, "big") + query)
            return client.recv(4096)[2:]

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def house(tmp_path: Path, processes: Processes) -> Iterator[House]:
    with FakeUpstream() as upstream:
        made = House(tmp_path, upstream, processes)
        publish_clients(ClientTable(), tmp_path)
        made.publish()
        yield made
        made.close()


def is_quiet(running: Running) -> bool:
    """Whether the worker said nothing that should worry anybody."""
    return "Traceback" not in running.output and "unexpected" not in running.output


def test_answers_alone(house: House) -> None:
    """Without a manager the worker blocks and resolves over UDP and TCP, IPv4 and IPv6, and goes on doing so."""
    running = house.start()
    for _ in range(2):
        assert house.addresses(LISTED) == [SINKHOLE]
        assert house.addresses("www.example") == [ADDRESS]
        assert house.asks(LISTED, "::1") is not None
        time.sleep(1.2)
    assert identifier_of(house.asks_over_tcp("other.example")) == 77
    assert running.stop() == 0
    assert is_quiet(running)


def test_a_miss_over_tcp_does_not_wait(house: House) -> None:
    """A query over TCP goes to the upstream at once, not with the next tick."""
    house.start()
    times = []
    for number in range(20):
        started = time.monotonic()
        house.asks_over_tcp(f"n{number}.example")
        times.append(time.monotonic() - started)
    assert sorted(times)[10] < 0.02


def test_takes_a_new_snapshot(house: House) -> None:
    """What is published is in force within moments, for names blocked and names freed, and no query is lost."""
    running = house.start()
    assert house.addresses("other.example") == [ADDRESS]
    house.publish(2, names=("other.example",))
    wait_until(lambda: house.addresses("other.example") == [SINKHOLE], "the new list is in force", 5)
    assert house.addresses(LISTED) == [ADDRESS]
    assert is_quiet(running)


def test_what_was_known_of_clients_goes_little_by_little(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new policy frees what was remembered under the last one in steps, between which answers go out."""
    monkeypatch.setattr(module, "TICK", 0.005)

    async def story() -> list[int]:
        worker = Worker(house.state, "worker-0", [], Lifeline(None))
        rules, table = Rules(read_snapshot(house.state)), ClientTable()
        worker._adopt(rules, table)
        before = worker._resolver.seats
        for number in range(5 * SLICE):
            before.take(bytes((10, 1, number >> 8, number & 255)), 0.0)
        worker._change(rules, table)
        assert worker._resolver.seats is not before
        ticking = asyncio.create_task(worker._tick())
        sizes = [len(before.by_address)]
        async with asyncio.timeout(10):
            while sizes[-1]:
                await asyncio.sleep(0.001)
                sizes.append(len(before.by_address))
        ticking.cancel()
        return sizes

    sizes = asyncio.run(story())
    assert sizes[0] == 5 * SLICE
    assert len(set(sizes)) > 3


def test_a_damaged_snapshot_changes_nothing(house: House) -> None:
    """The last good policy stays when the file is damaged, cut or gone, one line says so, and a whole one is taken."""
    running = house.start()
    path = house.state / FILE_NAME
    whole = path.read_bytes()
    for data in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2], b""):
        path.write_bytes(data)
        wait_until(lambda: running.output.count("generation 1 stays in force") == 1, "it is said", 5)
        assert house.addresses(LISTED) == [SINKHOLE]
        running.log.write_bytes(b"")
    path.unlink()
    wait_until(lambda: "cannot be read" in running.output, "it is said", 5)
    assert house.addresses(LISTED) == [SINKHOLE]
    house.publish(5, names=("other.example",))
    wait_until(lambda: house.addresses("other.example") == [SINKHOLE], "the new list is in force", 5)
    assert is_quiet(running)


def test_the_phase_changes_by_itself(house: House) -> None:
    """When a phase begins the worker enforces it within about a second, whoever is alive."""
    begin = datetime.now(UTC) + timedelta(seconds=4)
    house.publish(phases={"observe": PHASES["observe"], "enforce": begin.isoformat(timespec="seconds")})
    running = house.start()
    assert house.addresses(LISTED) == [ADDRESS]
    wait_until(lambda: house.addresses(LISTED) == [SINKHOLE], "enforced", 10)
    late = datetime.now(UTC) - begin.replace(microsecond=0)
    assert timedelta() <= late < timedelta(seconds=2)
    assert is_quiet(running)


def test_an_exemption_ends_by_itself(house: House) -> None:
    """When an exemption ends the name is blocked again."""
    until = (datetime.now(UTC) + timedelta(seconds=4)).isoformat(timespec="seconds")
    house.publish(allow=[{"name": LISTED, "reason": "test", "until": until}])
    house.start()
    assert house.addresses(LISTED) == [ADDRESS]
    wait_until(lambda: house.addresses(LISTED) == [SINKHOLE], "blocked again", 10)


def test_devices_are_taken(house: House) -> None:
    """A new client snapshot is taken like a new policy, and a damaged one leaves what was known."""
    running = house.start()
    (house.state / "clients").write_bytes(b"nonsense")
    wait_until(lambda: "devices known before stay known" in running.output, "it is said", 5)
    assert house.addresses(LISTED) == [SINKHOLE]
    assert is_quiet(running)


def test_other_upstreams_take_over(house: House) -> None:
    """A snapshot with other upstreams is obeyed without a restart."""
    house.start()
    with FakeUpstream() as other:
        house.publish(2, upstreams=[{"servers": [other.text]}])
        wait_until(lambda: house.asks(f"n{time.monotonic_ns()}.example") and other.queries, "the new one is asked", 5)


def test_who_waits_is_answered_before_the_end(house: House) -> None:
    """SIGTERM while queries wait for an upstream: their answers are still sent."""
    house.upstream.udp = stay_silent
    running = house.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.connect(("127.0.0.1", house.port))
        client.send(make_query("slow.example"))
        wait_until(lambda: house.upstream.queries, "the upstream is asked")
        running.send(signal.SIGTERM)
        time.sleep(0.1)
        house.upstream.send_late()
        assert addresses_in(client.recv(4096)) == [ADDRESS]
    assert running.process.wait(5) == 0


def test_connections_end_without_a_reset(house: House) -> None:
    """SIGTERM: what was asked over TCP is answered, then comes an end, no reset; new ones wait for the next worker."""
    house.upstream.udp = stay_silent
    running = house.start()
    query = make_query("slow.example", identifier=9)
    with socket.create_connection(("127.0.0.1", house.port), timeout=5) as client:
        client.sendall(len(query).to_bytes(2, "big") + query)
        wait_until(lambda: house.upstream.queries, "the upstream is asked")
        running.send(signal.SIGTERM)
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", house.port), timeout=10) as late:
            listed = make_query(LISTED, identifier=10)
            late.sendall(len(listed).to_bytes(2, "big") + listed)
            house.upstream.send_late()
            assert identifier_of(client.recv(4096)[2:]) == 9
            assert client.recv(4096) == b""
            client.close()
            assert running.process.wait(5) == 0
            house.start()
            assert identifier_of(late.recv(4096)[2:]) == 10


def test_the_next_worker_takes_the_same_sockets(house: House) -> None:
    """What arrives while no worker lives waits in the sockets for the next one."""
    house.start().kill()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", house.port))
        client.send(make_query(LISTED))
        house.start()
        assert rcode_of(client.recv(4096)) == 0


@pytest.mark.parametrize("data", [None, b"", b"nonsense" * 100])
def test_no_snapshot_to_start_with(house: House, data: bytes | None) -> None:
    """Without a whole snapshot the worker ends with one line and status 2."""
    (house.state / FILE_NAME).unlink()
    if data is not None:
        (house.state / FILE_NAME).write_bytes(data)
    running = house.start(lambda running: not running.is_alive)
    assert running.process.wait(5) == 2
    assert len(running.output.splitlines()) == 1
    assert str(house.state / FILE_NAME) in running.output


FAILING = """
import sys
from dnsfilter.process import worker
async def fail(self, **_):
    raise RuntimeError("no more")
worker.Worker._renew = fail
sys.exit(worker.main())
"""


def test_failed_background_work_ends_the_worker(house: House) -> None:
    """When the work behind the answers fails the worker ends with one line, so that another can begin."""
    running = house.start(program=["-c", FAILING])
    house.publish(2)
    assert running.process.wait(10) == 1
    assert running.output.startswith("dnsfilter.worker: ends unexpectedly: RuntimeError at ")
    assert "no more" not in running.output
