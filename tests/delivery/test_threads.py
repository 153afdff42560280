"""Calls beside the loop."""

import asyncio
import threading

import pytest

from dnsfilter.delivery.threads import call


def test_results_and_errors() -> None:
    """What the function returns or raises comes back; it ran in another thread."""

    def fail() -> None:
        raise OSError("no")

    assert asyncio.run(call(threading.get_ident)) != threading.get_ident()
    with pytest.raises(OSError, match="no"):
        asyncio.run(call(fail))


def test_nobody_waits_for_what_hangs() -> None:
    """A call that is given up, and one that is still running when the loop ends, disturbs nobody."""
    going_on = threading.Event()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await call(going_on.wait)

    asyncio.run(give_up())
    going_on.set()
