"""The channel between workers and manager, over real sockets."""

import asyncio
import contextlib
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import channel
from dnsfilter.channel import SOCKET_NAME, Receiver, Sender, decode_batch, encode_batch, serve_channel
from dnsfilter.journal import Batch, Journal
from dnsfilter.model import Channel, Grade, Role, Sighting

SIGHTING = Sighting(
    1.5, "192.0.2.1", "tiktok", "list", "a*.b.c", Role.APP_API, Grade.STRONG, Channel.SNI, "refuse", "g"
)

texts = st.text(max_size=10)
values = st.dictionaries(st.lists(texts, min_size=1, max_size=3).map(tuple), st.floats(0, 1e12), max_size=4)
sightings = st.builds(
    Sighting,
    st.floats(0, 1e10),
    *[texts] * 4,
    st.sampled_from(Role),
    st.sampled_from(Grade),
    st.sampled_from(Channel),
    texts,
    texts,
    st.integers(1, 1_000),
)
names = st.dictionaries(texts, st.integers(1, 1 << 60), max_size=3)
batches = st.builds(
    Batch,
    texts,
    texts,
    values,
    values,
    st.lists(sightings, max_size=3).map(tuple),
    names=names,
    number=st.integers(0, 1 << 60),
)


@given(batches)
def test_a_batch_survives(batch: Batch) -> None:
    """What is decoded is what was encoded."""
    assert decode_batch(encode_batch(batch)) == batch


@given(st.binary(max_size=60) | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(repr).map(str.encode))
def test_anything_else_is_refused(frame: bytes) -> None:
    """Other octets raise ValueError and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011 - which one depends on what is wrong
        decode_batch(frame)


@pytest.mark.parametrize(
    "frame",
    [
        b"{}",
        b'{"source":1,"instance":2,"counters":[["a",NaN]],"gauges":[],"sightings":[],"clients":[],"names":{},"number":1}',
        b'{"source":1,"instance":2,"counters":[[]],"gauges":[],"sightings":[]}',
        b'{"source":1,"instance":2,"counters":[[1,"x"]],"gauges":[],"sightings":[]}',
        b'{"source":1,"instance":2,"counters":[],"gauges":[],"sightings":[[1,2]]}',
        b'{"source":1,"instance":2,"counters":3,"gauges":[],"sightings":[]}',
        b'{"source":1,"instance":2,"counters":[],"gauges":[],"sightings":[],"clients":[],"names":[1]}',
        b'{"source":1,"instance":2,"counters":[],"gauges":[],"sightings":[],"clients":[],"names":{"a":"b"}}',
        (
            b'{"source":"","instance":"","counters":[],"gauges":[],"clients":[],"names":{},"number":1,'
            b'"sightings":[[1,"192.0.2.1",[],"list","rule","web","weak","dns","sinkhole","group",1,false]]}'
        ),
        b"[" * 100_000,
    ],
)
def test_almost_batches_are_refused(frame: bytes) -> None:
    """JSON of another shape is no batch."""
    with pytest.raises(ValueError):  # noqa: PT011 - which one depends on what is wrong
        decode_batch(frame)


class Manager:
    """The manager's end of the channel, which keeps what it gets."""

    def __init__(self, directory: Path) -> None:
        self.batches: list[Batch] = []
        self.directory = directory

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        """Listen for as long as the context lasts."""
        receiver = await serve_channel(self.directory, self.batches.append)
        try:
            yield receiver
        finally:
            await receiver.close()

    @property
    def sightings(self) -> list[Sighting]:
        """All sightings of all batches."""
        return [sighting for batch in self.batches for sighting in batch.sightings]


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


def journal_of(*noted: Sighting) -> Journal:
    """Return a journal with a counter and sightings."""
    journal = Journal("worker-0", "1")
    journal.count("queries", "udp", by=7)
    for sighting in noted:
        journal.note(sighting)
    return journal


def test_delivers(manager: Manager) -> None:
    """What the journal holds reaches the manager, once, over a socket that only its owner may use."""

    async def scenario() -> None:
        async with manager.running():
            mode = (manager.directory / SOCKET_NAME).stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
            sender = Sender(manager.directory, journal_of(SIGHTING))
            assert await sender.flush()
            assert await sender.flush()
            sender.close()

    asyncio.run(scenario())
    assert manager.sightings == [SIGHTING]
    assert manager.batches[0].counters == {("queries", "udp"): 7}


def test_keeps_what_nobody_takes(manager: Manager) -> None:
    """Without a manager sightings go back into the journal, and reach it when it comes, also after it was away."""

    async def scenario() -> None:
        journal = journal_of(SIGHTING)
        sender = Sender(manager.directory, journal)
        assert not await sender.flush()
        for _ in range(2):
            async with manager.running():
                assert await sender.flush()
            journal.note(SIGHTING)
            assert not await sender.flush()
        sender.close()

    asyncio.run(scenario())
    assert manager.sightings == [SIGHTING] * 2


def test_a_deaf_manager_holds_nobody_up(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that takes nothing costs the sender its patience only; what it may have got is sent again as it was."""
    monkeypatch.setattr(channel, "TIMEOUT", 0.05)
    journal = journal_of(SIGHTING)
    deaf = channel._listen(manager.directory)

    async def scenario() -> None:
        sender = Sender(manager.directory, journal)
        assert not await sender.flush()
        journal.note(SIGHTING._replace(rule="new"))
        assert not await sender.flush()
        deaf.close()
        async with manager.running():
            assert await sender.flush()
        sender.close()

    asyncio.run(scenario())
    assert [[each.rule for each in batch.sightings] for batch in manager.batches] == [["a*.b.c"], ["new"]]
    assert [batch.number for batch in manager.batches] == [1, 2]


def test_an_ended_sender_loses_nothing(manager: Manager) -> None:
    """What a sender was waiting for when it was cancelled is sent again by whoever empties the journal."""
    journal = journal_of(SIGHTING)
    deaf = channel._listen(manager.directory)

    async def scenario() -> None:
        task = asyncio.create_task(Sender(manager.directory, journal, interval=0).run())
        await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

        deaf.close()
        async with manager.running():
            assert await Sender(manager.directory, journal).flush()

    asyncio.run(scenario())
    assert manager.sightings == [SIGHTING]


def test_a_full_journal_goes_in_parts(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many sightings travel in short frames, each under its number."""
    monkeypatch.setattr(channel, "SIGHTINGS_PER_FRAME", 10)

    async def scenario() -> None:
        async with manager.running():
            sender = Sender(manager.directory, journal_of(*[SIGHTING] * 25))
            assert await sender.flush()
            sender.close()

    asyncio.run(scenario())
    assert [len(batch.sightings) for batch in manager.batches] == [10, 10, 5]
    assert [batch.number for batch in manager.batches] == [1, 2, 3]


@pytest.mark.parametrize(
    "octets", [struct.pack("!I", 2**31), struct.pack("!I", 3) + b"{]}", struct.pack("!I", 2) + b"[]"]
)
def test_malformed_frames_end_the_connection(manager: Manager, octets: bytes) -> None:
    """What is no batch closes its own connection, is counted, and disturbs no other."""

    async def scenario() -> None:
        async with manager.running() as receiver:
            good = Sender(manager.directory, journal_of(SIGHTING))
            reader, writer = await asyncio.open_unix_connection(sock=channel._connect(manager.directory))
            writer.write(octets)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            assert receiver.malformed == 1
            assert await good.flush()
            good.close()

    asyncio.run(scenario())
    assert manager.sightings == [SIGHTING]


def test_long_state_directories_work(tmp_path: Path) -> None:
    """A state directory longer than the address of a Unix socket works like any other."""
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    manager = Manager(directory)

    async def scenario() -> None:
        async with manager.running():
            sender = Sender(directory, journal_of(SIGHTING))
            assert await sender.flush()
            sender.close()

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - links, not files
    asyncio.run(scenario())
    assert manager.sightings == [SIGHTING]
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - links, not files


def test_a_socket_left_behind_is_replaced(manager: Manager) -> None:
    """The socket file of a killed manager does not keep the next one from starting."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(manager.directory / SOCKET_NAME))

    async def scenario() -> None:
        async with manager.running():
            sender = Sender(manager.directory, journal_of(SIGHTING))
            assert await sender.flush()
            sender.close()

    asyncio.run(scenario())
    assert manager.sightings == [SIGHTING]
