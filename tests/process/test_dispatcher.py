"""The dispatcher: what outlets do to their queues."""

import asyncio
from collections.abc import Callable

import pytest

from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.process.dispatcher import Dispatcher
from tests.fakes.events import message


class Scripted:
    """An outlet that does as it is told, in turn; then it delivers. `gate` keeps it waiting."""

    def __init__(self, *script: Fate | Exception) -> None:
        self.script = list(script)
        self.tried: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_closed = False

    async def deliver(self, found: Message) -> Result:
        """Do what comes next."""
        self.tried.append(found.number)
        await self.gate.wait()
        what = self.script.pop(0) if self.script else Fate.DELIVERED
        if isinstance(what, Exception):
            raise what
        return Result(what, "because")

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True


class House:
    """A dispatcher, its outlets, and what became of messages."""

    def __init__(self, **outlets: Scripted) -> None:
        self.outlets = outlets
        self.settled: list[tuple[int, Fate]] = []
        self.dispatcher = Dispatcher(lambda found, result: self.settled.append((found.number, result.fate)))
        self.adopt()

    def adopt(self, **sections: object) -> None:
        """Put outlets in force, each under its own name unless told otherwise."""
        self.dispatcher.adopt({name: name for name in self.outlets} | sections, lambda name: self.outlets[name])

    def take(self, *numbers: int, outlet: str = "hook") -> None:
        """Give messages to deliver."""
        self.dispatcher.take(message(number=number, outlet=outlet) for number in numbers)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - other tasks are waited for
                await asyncio.sleep(0)


def test_delivers_in_order() -> None:
    """Messages are tried one after the other, those given later too."""

    async def main() -> None:
        house = House(hook=Scripted())
        house.take(1, 2)
        await house.until(lambda: len(house.settled) == 2)
        house.take(3)
        await house.until(lambda: len(house.settled) == 3)
        assert house.settled == [(number, Fate.DELIVERED) for number in (1, 2, 3)]
        await house.dispatcher.close()
        assert house.outlets["hook"].is_closed

    asyncio.run(main())


def test_a_blocked_outlet_gives_all_back(caplog: pytest.LogCaptureFixture) -> None:
    """What comes after a failure is returned untried; one line tells when it begins and one when it ends."""

    async def main() -> None:
        house = House(hook=Scripted(Fate.BLOCKED, Fate.BLOCKED))
        for number in (2, 4, 6):
            house.take(1, 2)
            await house.until(lambda wanted=number: len(house.settled) == wanted)
        assert house.settled[:2] == [(1, Fate.BLOCKED), (2, Fate.RETURNED)]
        assert house.settled[-2:] == [(1, Fate.DELIVERED), (2, Fate.DELIVERED)]
        await house.dispatcher.close()

    asyncio.run(main())
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "hook: nothing goes out, what waits is tried again: because",
        "hook: messages go out again",
    ]


def test_a_slow_outlet_delays_no_other() -> None:
    """While one outlet waits for its other side the next goes on."""

    async def main() -> None:
        house = House(slow=Scripted(), hook=Scripted())
        house.outlets["slow"].gate.clear()
        house.take(1, outlet="slow")
        house.take(2)
        await house.until(lambda: house.settled == [(2, Fate.DELIVERED)])
        await house.dispatcher.close()
        assert (1, Fate.RETURNED) in house.settled

    asyncio.run(main())


def test_a_reload() -> None:
    """An outlet that stays the same goes on; one that changes or is gone gives back what it had in hand."""

    async def main() -> None:
        house = House(same=Scripted(), other=Scripted())
        for name, outlet in house.outlets.items():
            outlet.gate.clear()
            house.take(len(name), outlet=name)
        await house.until(lambda: all(outlet.tried for outlet in house.outlets.values()))
        old, house.outlets["other"] = house.outlets["other"], Scripted()
        house.adopt(other="changed")
        await house.until(lambda: old.is_closed)
        assert house.settled == [(len("other"), Fate.RETURNED)]
        house.take(9, outlet="other")
        house.outlets["same"].gate.set()
        await house.until(lambda: len(house.settled) == 3)
        house.take(7, outlet="unknown")
        assert house.settled[-1] == (7, Fate.RETURNED)
        await house.dispatcher.close()

    asyncio.run(main())


def test_a_defect_is_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    """An outlet that raises what it must not blocks itself; the log shows where."""

    async def main() -> None:
        house = House(hook=Scripted(RuntimeError("boom")))
        house.take(1)
        await house.until(lambda: house.settled)
        assert house.settled == [(1, Fate.BLOCKED)]
        await house.dispatcher.close()

    asyncio.run(main())
    assert "a defect, please report it" in caplog.text


def test_what_is_given_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One line names outlet, kind, pseudonym and reason."""

    async def main() -> None:
        house = House(hook=Scripted(Fate.REFUSED))
        house.take(1)
        await house.until(lambda: house.settled)
        await house.dispatcher.close()

    asyncio.run(main())
    assert "hook: confirmed for d-1 is given up: because" in caplog.text
