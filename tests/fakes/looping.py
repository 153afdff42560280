"""Running a test in an event loop so that nothing which was raised where nobody looks goes unnoticed."""

import asyncio
from collections.abc import Awaitable, Callable

MakeLoop = Callable[[], asyncio.AbstractEventLoop]


def run_strictly(test: Callable[[], Awaitable[None]], make_loop: MakeLoop = asyncio.new_event_loop) -> None:
    """Run a test in a loop of its own, and for a moment what it leaves behind; fail when the loop had to report."""
    unexpected: list[dict[str, object]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unexpected.append(context))
        await test()
        await asyncio.sleep(0.01)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())
    assert unexpected == []
