"""Poisoning as somebody off the path attempts it: answers by the thousand from the upstream's address, IDs guessed."""

import asyncio
from random import Random

from tests.fakes.forwarding import House
from tests.fakes.resolving import ADDRESS, addresses_in, make_response
from tests.fakes.upstream import FakeUpstream, answer

FORGED = "192.0.2.66"
BURST = 500


def count_poisonings(trials: int, forgeries: int, seed: int = 0) -> int:
    """Return in how many trials a client, or the cache, got a forged answer; AssertionError where one got none at all.

    Who forges knows more than anybody could: the socket, the moment, and the very letters of the question. Only the
    upstream's own answer comes late, behind all of the forged ones.
    """
    random = Random(seed)

    def flood(query: bytes) -> list[bytes]:
        forged = make_response(query, FORGED)[2:]
        return [random.randbytes(2) + forged for _ in range(forgeries)] + answer(query)

    async def run() -> int:
        poisoned = 0
        for trial in range(trials):
            with FakeUpstream(flood) as upstream:
                house = House()
                house.adopt(upstream.text)
                name = f"t{trial}.example"
                response = await house.resolve(name)
                cached = await house.resolve(name, 2)
                poisoned += not addresses_in(response)[:1] == addresses_in(cached)[:1] == [ADDRESS]
                house.adopt("192.0.2.1")
        return poisoned

    return asyncio.run(run())
