"""The machine's clock may jump: what lives for a while lives by a clock that does not."""

import pytest

from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from tests.conformance.reading import read
from tests.fakes.messages import ask, respond
from tests.fakes.resolving import make_resolver

YEAR = 365 * 86_400.0
CLIENT = b"\x7f\0\0\1"


@pytest.mark.parametrize("jump", [10 * YEAR, -86_400.0, 0.5])
def test_a_clock_that_jumps_ends_no_answer(jump: float) -> None:
    """Ten years ahead or a day back: a cached answer has the TTL that is left by the monotonic clock, and no other."""
    resolver = make_resolver()
    today = 1_717_200_000.0
    pending = resolver.receive(ask("www.example"), resolver.seats.take(CLIENT, 0.0), Transport.TCP, 0.0)
    assert isinstance(pending, Pending)
    resolver.accept(pending.query, respond(ask("www.example"), ["www.example. 300 A 192.0.2.1"]), 0.0)
    for now in (10.0, 20.0):
        resolver.flush(0.0, today)
        response = resolver.receive(ask("www.example"), resolver.seats.take(CLIENT, now), Transport.TCP, now)
        assert isinstance(response, bytes)
        assert read(response).ttls == [300 - int(now)]
        today += jump
