"""Messages made to be work: each costs a bounded part of a core, from clients and from upstreams, and harms nobody."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dnsfilter.errors import WireError
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from tests.fakes.effort import bound, least
from tests.fakes.monsters import QUERIES, QUESTION, RESPONSES, query
from tests.fakes.world import Upstream, World, shipped

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Put in force what runs without a configuration, its lists included."""
    directory: Path = tmp_path_factory.mktemp("world")
    return World(*shipped(directory), Upstream(), NOW)


def receive(world: World, message: bytes) -> bytes | Pending | None:
    """Hand a message of a client to the resolver."""
    seat = world.resolver.seats.take(b"\x7f\0\0\1", NOW)
    seat.tokens = 1e18
    return world.resolver.receive(message, seat, Transport.TCP, NOW)


def pend(world: World) -> Pending:
    """Return a query that waits for an upstream."""
    world.resolver.cache = type(world.resolver.cache)(world.configuration.cache)
    pending = receive(world, query())
    assert isinstance(pending, Pending)
    assert pending.query.question == QUESTION
    return pending


@pytest.mark.parametrize("name", QUERIES)
def test_queries_that_are_work(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fills 64 KB of a query costs no more than the bound, and becomes a refusal or a query."""
    result = receive(world, QUERIES[name])
    assert isinstance(result, Pending) or (result and result[3] & 0xF in (0, 1))
    assert least(lambda: receive(world, QUERIES[name])) <= bound()
    assert not caplog.records


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_that_are_work(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fills 64 KB of a response is read, judged and answered within the bound, or refused as malformed."""
    pending = pend(world)
    sizes = set()

    def answer() -> None:
        try:
            accepted = world.resolver.accept(pending.query, RESPONSES[name], NOW)
        except WireError:
            sizes.add(0)
        else:
            sizes.add(len(world.resolver.finish(pending, accepted, NOW)))

    assert least(answer) <= bound()
    assert len(sizes) == 1
    assert max(sizes) <= len(RESPONSES[name])
    assert not caplog.records


@pytest.mark.parametrize("name", RESPONSES)
def test_serving_them_again_is_cheap(world: World, name: str) -> None:
    """An answer that fills 64 KB and is kept costs a part of the bound whenever it is asked for, aged too."""
    pending = pend(world)
    try:
        accepted = world.resolver.accept(pending.query, RESPONSES[name], NOW)
    except WireError:
        return
    assert least(lambda: world.resolver.finish(pending, accepted, NOW + 7)) <= bound()
