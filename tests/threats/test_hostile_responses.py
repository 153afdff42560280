"""Responses made to be work, as upstreams send them over UDP, TCP and TLS: bounded work, an answer, and no poison."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from time import thread_time

import pytest

from dnsfilter.settings.resolver import Upstream
from tests.fakes.effort import RUNS, bound
from tests.fakes.forwarding import House, run_with_house
from tests.fakes.monsters import BEHIND_QUESTION, QUESTION, RESPONSES
from tests.fakes.origin import make_certificate
from tests.fakes.resolving import ADDRESS, addresses_in, rcode_of
from tests.fakes.secure import SecureUpstream
from tests.fakes.upstream import FakeUpstream, Reaction, answer, truncate

LONGEST_DATAGRAM = 65_507


def say(message: bytes) -> Reaction:
    """Return the reaction that sends a message behind the ID and the question as they were asked."""

    def react(query: bytes) -> list[bytes]:
        if query[12:BEHIND_QUESTION].lower() != QUESTION:
            return answer(query)
        return [query[:2] + message[2:12] + query[12:BEHIND_QUESTION] + message[BEHIND_QUESTION:]]

    return react


def say_shortened(message: bytes) -> Reaction:
    """Return the reaction that sends as much of it as one datagram holds."""
    return lambda query: [each[:LONGEST_DATAGRAM] for each in say(message)(query)]


async def resolve(house: House, identifier: int) -> bytes:
    """Ask for the name whose answer is work, letting time pass where attempts have failed."""
    house.ask(identifier=identifier)
    house.forwarder.flush()
    for _ in range(100):
        if identifier in house.responses:
            break
        house.advance(0.05)
        await asyncio.sleep(0.005)
    return house.response(identifier)


async def measure(house: House, count: Callable[[], int]) -> float:
    """Return the CPU seconds of the loop's thread for each message, the least of several runs."""
    seconds = []
    for run in range(RUNS):
        house.resolver.cache.failures.clear()
        house.clock += 100_000
        before, start = count(), thread_time()
        response = await resolve(house, run)
        seconds.append((thread_time() - start) / max(1, count() - before))
        assert rcode_of(response) in (0, 2, 3)
    return min(seconds)


async def look_for_poison(house: House) -> None:
    """Other names are asked for as if nothing had been said, and the answer to one is its own."""
    for number, name in enumerate(("a.example", "www.tiktok.example", "example", "b.www.example"), 1000):
        assert addresses_in(await house.resolve(name, number)) == [ADDRESS]
    assert len(house.resolver.cache) <= 5


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_costs_little_and_poisons_nothing(
    transport: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever fills 64 KB costs no more than the bound, client and cache included, and says nothing of other names."""
    caplog.set_level(logging.WARNING)
    message = RESPONSES[name]

    async def over_plain(house: House) -> None:
        udp, tcp = (say_shortened(message), answer) if transport == "UDP" else (truncate_one, say(message))
        with FakeUpstream(udp, tcp) as server:
            house.adopt(server.text)
            queries = server.queries if transport == "UDP" else server.tcp_queries
            assert await measure(house, lambda: len(queries)) <= bound()
            await look_for_poison(house)
            house.adopt("192.0.2.1")

    async def over_tls(house: House) -> None:
        certificate = make_certificate(tmp_path, "127.0.0.1")
        with SecureUpstream(certificate, reaction=say(message)) as server:
            upstream = Upstream(servers=(f"tls://127.0.0.1:{server.port}",), ca=str(certificate))
            house.forwarder.adopt([upstream], house._watch, house._unwatch)
            assert await measure(house, lambda: len(server.queries)) <= bound()
            await look_for_poison(house)
            house.adopt("192.0.2.1")

    run_with_house(monkeypatch, over_tls if transport == "TLS" else over_plain)
    assert not [record for record in caplog.records if "unexpected" in record.getMessage()]


def truncate_one(query: bytes) -> list[bytes]:
    """Say of the one name that its answer is too long."""
    return truncate(query) if query[12:BEHIND_QUESTION].lower() == QUESTION else answer(query)
