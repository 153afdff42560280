"""Fixtures for exchanges with upstreams."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from dnsfilter.upstream import forwarder as twin
from dnsfilter.upstream import stream, udp
from tests.fakes.forwarding import House, Run
from tests.fakes.upstream import (
    FakeUpstream,
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a test in a loop, with a house; fail when anything was raised where nobody looks."""

    def run_test(test: Callable[[House], Awaitable[None]]) -> None:
        unexpected: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
            house = House()
            for module in (twin, udp, stream):
                monkeypatch.setattr(module, "monotonic", lambda: house.clock)
            await test(house)

        asyncio.run(main())
        assert unexpected == []

    return run_test


@pytest.fixture
def start() -> Iterator[Callable[..., FakeUpstream]]:
    """Start upstreams that end with the test."""
    with ExitStack() as stack:
        yield lambda *reactions: stack.enter_context(FakeUpstream(*reactions))
