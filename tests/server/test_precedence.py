"""UDP is looked at in between, however many streams have something to say."""

import asyncio

import pytest

from dnsfilter.server import precedence
from dnsfilter.server.precedence import PATIENCE, Precedence
from tests.fakes.connections import House, Run, frame
from tests.fakes.resolving import make_query


class Clock:
    """A clock that a test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        """Return what the test has set."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that the streams look at."""
    clock = Clock()
    monkeypatch.setattr(precedence, "monotonic", clock)
    return clock


@pytest.mark.interpreted
def test_is_given_now_and_then(clock: Clock) -> None:
    """Who comes shortly after another gives nothing; who comes later has every socket served, once."""
    served: list[int] = []
    order = Precedence([lambda: served.append(1), lambda: served.append(2)])
    order.give()
    order.give()
    clock.now += PATIENCE / 2
    order.give()
    assert served == [1, 2]
    clock.now += PATIENCE
    order.give()
    assert served == [1, 2, 1, 2]


def test_streams_give_it(run: Run) -> None:
    """Who is let in, and who asks something a while later, has UDP served first."""

    async def test(house: House) -> None:
        served: list[None] = []
        house.server.precedence = Precedence([lambda: served.append(None)])
        client = await house.connect()
        for _ in range(2):
            await asyncio.sleep(10 * PATIENCE)
            served.clear()
            client.send(frame(make_query("www.tiktok.com")))
            await client.receive()
            assert served

    run(test)
