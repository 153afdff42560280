"""What an upstream, or whoever speaks through it, may say: it reaches nobody it is not for, and stays bounded."""

from pathlib import Path

import pytest

from dnsfilter.errors import WireError
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.wire.response import Answer
from tests.conformance.reading import read
from tests.fakes.messages import ask, respond, to_wire
from tests.fakes.resolving import make_resolver
from tests.fakes.world import World, shipped

NOW = 1000.0
CLIENT = b"\x7f\0\0\1"
SERVFAIL = 2


@pytest.fixture
def resolver() -> Resolver:
    return make_resolver(rate_limit={"per_client_qps": 0})


def pend(resolver: Resolver, name: str = "www.example", qtype: str = "A") -> Pending:
    """Return a query that waits for an upstream."""
    seat = resolver.seats.take(CLIENT, NOW)
    pending = resolver.receive(ask(name, qtype), seat, Transport.TCP, NOW)
    assert isinstance(pending, Pending)
    return pending


def accept(resolver: Resolver, pending: Pending, message: bytes) -> Answer:
    """Let an upstream say something."""
    return resolver.accept(pending.query, message, NOW)


POISON = {
    "additional": {"additionals": ["victim.example. 300 A 192.0.2.66"]},
    "authority": {
        "authorities": ["example. 300 NS ns.evil.example."],
        "additionals": ["ns.evil.example. 300 A 192.0.2.66", "victim.example. 300 A 192.0.2.66"],
    },
    "answer": {"answers": ["www.example. 300 A 192.0.2.1", "victim.example. 300 A 192.0.2.66"]},
}


@pytest.mark.parametrize("where", POISON)
def test_records_for_other_names_are_never_cached(resolver: Resolver, where: str) -> None:
    """Whatever a response brings along, a question for another name still goes to the upstream."""
    pending = pend(resolver)
    records = {"answers": ["www.example. 300 A 192.0.2.1"], **POISON[where]}
    answer = accept(resolver, pending, respond(ask("www.example"), **records))
    resolver.finish(pending, answer, NOW)
    for name, qtype in (("victim.example", "A"), ("ns.evil.example", "A"), ("example", "NS"), ("a.example", "A")):
        pend(resolver, name, qtype)


@pytest.mark.parametrize(
    "cut",
    [
        lambda message: message[:-1],
        lambda message: message + b"\0\1",
        lambda message: message.replace(b"\0\4\xc0\0\2\1", b"\0\x40\xc0\0\2\1"),
        lambda message: message.replace(b"\0\4\xc0\0\2\1", b"\0\3\xc0\0\2\1"),
        lambda message: message[:7] + b"\x40" + message[8:],
    ],
    ids=["cut", "longer", "length too large", "length too small", "count too large"],
)
def test_lengths_that_lie_are_never_cached(resolver: Resolver, cut) -> None:
    """A record whose length is wrong makes the response malformed, and the next query asks again."""
    pending = pend(resolver)
    message = cut(respond(ask("www.example"), ["www.example. 300 A 192.0.2.1"], opt=False))
    try:
        answer = accept(resolver, pending, message)
    except WireError:
        pend(resolver)
    else:
        assert read(resolver.finish(pending, answer, NOW)).sections[0] == [
            (b"\3www\7example\0", 1, 1, b"\xc0\0\2\1")
        ]  # octets behind a whole message are not passed on


@pytest.mark.parametrize(
    "records", [["www.example. 300 CNAME www.tiktok.com."], ["www.example. 300 A 198.51.100.1"], []]
)
def test_a_failure_is_never_turned_into_an_answer(resolver: Resolver, records: list[str]) -> None:
    """What an upstream calls SERVFAIL, for it may be bogus, stays SERVFAIL: no rule makes an address of it."""
    pending = pend(resolver)
    answer = accept(resolver, pending, respond(ask("www.example"), records, rcode=SERVFAIL))
    reading = read(resolver.finish(pending, answer, NOW))
    assert (reading.rcode, reading.sections[0]) == (SERVFAIL, [])


LOOPS = {
    "to itself": [("www.example", "www.example")],
    "of two": [("www.example", "b.example"), ("b.example", "www.example")],
    "of many": [(f"{number}.example" if number else "www.example", f"{number + 1}.example") for number in range(60)],
}


@pytest.mark.parametrize("loop", LOOPS)
def test_aliases_without_end_are_no_answer(resolver: Resolver, loop: str) -> None:
    """A chain of aliases that leads nowhere ends as SERVFAIL or without data, soon, and nobody follows it."""
    records = [f"{owner}. 300 CNAME {target}." for owner, target in LOOPS[loop]]
    pending = pend(resolver)
    try:
        answer = accept(resolver, pending, respond(ask("www.example"), records))
    except WireError:
        return
    reading = read(resolver.finish(pending, answer, NOW))
    assert reading.rcode == SERVFAIL
    assert reading.sections[0] == []


@pytest.mark.parametrize(("ttl", "least", "most"), [(2**31 - 1, 1, 86_400), (2**32 - 1, 0, 0), (0, 0, 0)])
def test_times_to_live_are_bounded(resolver: Resolver, ttl: int, least: int, most: int) -> None:
    """A TTL of 68 years is a day, one beyond 31 bits or 0 is not kept (RFC 2181 section 8)."""
    message = respond(ask("www.example"), ["www.example. 1 A 192.0.2.1"], opt=False)
    message = message.replace(b"\0\0\0\1\0\4", ttl.to_bytes(4, "big") + b"\0\4")
    pending = pend(resolver)
    answer = accept(resolver, pending, message)
    assert least <= answer.expires - NOW <= most
    seat = resolver.seats.take(CLIENT, NOW)
    assert isinstance(resolver.receive(ask("www.example"), seat, Transport.UDP, NOW + most + 1), Pending)


def test_what_a_list_frees_or_blocks_is_judged_in_every_record(tmp_path: Path) -> None:
    """MX, SRV, HTTPS and alias targets are all held against the lists: one that leads to the app is not passed on."""
    world = World(*shipped(tmp_path), None, 1717200000.0)  # type: ignore[arg-type]
    target = to_wire((b"www", b"tiktok", b"com"))
    for qtype, prefix in ((5, b""), (39, b""), (15, b"\0\1"), (33, bytes(6)), (64, b"\0\1"), (65, b"\0\1")):
        message = ask(f"type{qtype}.example", qtype)
        seat = world.resolver.seats.take(CLIENT, world.now)
        pending = world.resolver.receive(message, seat, Transport.TCP, world.now)
        assert isinstance(pending, Pending)
        data = prefix + target
        record = b"\xc0\x0c" + qtype.to_bytes(2, "big") + b"\0\1\0\0\1\x2c" + len(data).to_bytes(2, "big") + data
        response = message[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + pending.query.question + record
        answer = world.resolver.accept(pending.query, response, world.now)
        reading = read(world.resolver.finish(pending, answer, world.now))
        assert data not in [item[3] for item in reading.sections[0]]
