"""The forwarder under floods: who has too much waiting is turned back, and nobody else notices."""

from dnsfilter.settings.resolver import Upstream, Waiting
from tests.fakes.forwarding import SERVFAIL, House, Run, Start
from tests.fakes.resolving import rcode_of
from tests.fakes.upstream import answer, stay_silent

TOO_MANY = b"\0\0too many queries wait"


def test_random_names_of_one_zone(run: Run, start: Start) -> None:
    """While names of one zone get no answer, new ones are turned back at once, and other zones are asked as ever."""

    async def test(house: House) -> None:
        upstream = start(stay_silent)
        upstreams = [Upstream(servers=(upstream.text,))]
        house.forwarder.adopt(upstreams, house._watch, house._unwatch, waiting=Waiting(per_zone=50))
        for number in range(60):
            house.ask(f"r{number}.victim.example", number)
        house.forwarder.flush()
        await house.settle(lambda: len(upstream.queries) >= 60)
        house.advance(0.05)
        for number in range(60, 500):
            house.ask(f"r{number}.victim.example", number)
        assert {rcode_of(house.response(number)) for number in range(60, 500)} == {SERVFAIL}
        assert TOO_MANY in house.response(499)
        assert house.journal.counters["waiting_refused", "zone"] == 440
        upstream.udp = answer
        assert rcode_of(await house.resolve("www.other.example", 1000)) == 0
        house.advance(3)
        assert len(house.responses) == 501

    run(test)
