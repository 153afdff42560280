"""The line by which a process hands over, with both ends in one process."""

import asyncio

import pytest

from dnsfilter.process import lifeline as twin
from dnsfilter.process.lifeline import LEAVING, READY, Lifeline, Line


def test_words_are_heard_one_by_one() -> None:
    """Both words arrive, also when they were said at once."""

    async def run() -> None:
        line, life = make_pair()
        life.say_ready()
        leaving = asyncio.create_task(life.leave())
        await asyncio.sleep(0)
        assert [await line.hear(), await line.hear()] == [READY, LEAVING]
        line.let_go()
        await leaving
        line.close()

    asyncio.run(run())


def test_who_leaves_waits_to_be_let_go() -> None:
    """Leaving ends when the supervisor says so, and not before."""

    async def run() -> None:
        line, life = make_pair()
        leaving = asyncio.create_task(life.leave())
        assert await line.hear() == LEAVING
        assert not leaving.done()
        line.let_go()
        await asyncio.wait_for(leaving, 5)
        line.close()

    asyncio.run(run())


def test_who_was_let_go_before_leaves_at_once() -> None:
    """When everything ends there is nobody to wait for, and nothing to hear."""

    async def run() -> None:
        line, life = make_pair()
        line.let_go()
        await asyncio.wait_for(life.leave(), 5)
        assert await line.hear() == b""
        line.close()
        line.let_go()

    asyncio.run(run())


def test_a_dead_supervisor_keeps_nobody() -> None:
    """Who is left alone leaves at once, and can say what it likes."""

    async def run() -> None:
        line, life = make_pair()
        line.close()
        life.say_ready()
        await asyncio.wait_for(life.leave(), 5)

    asyncio.run(run())


def test_waits_no_longer_than_a_handover_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A successor that never comes is not waited for."""

    async def run() -> None:
        monkeypatch.setattr(twin, "LONGEST_HANDOVER", 0.05)
        line, life = make_pair()
        await asyncio.wait_for(life.leave(), 5)
        line.close()

    asyncio.run(run())


def test_without_a_line() -> None:
    """A process that nobody keeps running leaves at once."""

    async def run() -> None:
        life = Lifeline(None)
        life.say_ready()
        await asyncio.wait_for(life.leave(), 5)

    asyncio.run(run())


def make_pair() -> tuple[Line, Lifeline]:
    """Return both ends; the one of the process as it inherits it."""
    line = Line()
    life = Lifeline(str(line._theirs.detach()))
    return line, life
