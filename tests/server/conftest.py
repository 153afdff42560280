"""Fixtures for the servers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from dnsfilter.settings.resolver import Certificate
from tests.fakes import connections, datagrams
from tests.fakes.looping import run_strictly
from tests.fakes.origin import make_certificate
from tests.fakes.web import Client, House, Story


@pytest.fixture
def house(tmp_path: Path) -> House:
    file = str(make_certificate(tmp_path, "dns.example"))
    return House(Certificate(chain=file, key=file))


@pytest.fixture
def tell(house):
    """Run a story over one HTTP/2 connection."""

    def run(story: Story) -> None:
        async def begin() -> None:
            await house.listen()
            async with house.connect() as (reader, writer):
                await story(house, Client(reader, writer))

        uvloop.run(begin())

    return run


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> connections.Run:
    """Run a test with a house; fail when anything was raised where nobody looks."""

    def run_test(test: Callable[[connections.House], Awaitable[None]]) -> None:
        async def main() -> None:
            house = connections.House()
            async with house.listen():
                await test(house)

        run_strictly(main, request.param)

    return run_test


@pytest.fixture(params=[-1, float("inf")], ids=["alone", "batches"])
def make_house(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., datagrams.House]]:
    """Make servers, of which one kind takes every datagram to come alone, the other none."""
    monkeypatch.setattr("dnsfilter.server.udp.SPARSE", request.param)
    houses: list[datagrams.House] = []

    def make(*arguments: Any, **configuration: Any) -> datagrams.House:
        houses.append(datagrams.House(*arguments, **configuration))
        return houses[-1]

    yield make
    for house in houses:
        house.close()
