"""Hundreds of thousands of mutated packets through the whole resolver: nothing escapes, every reply is a message."""

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random

import pytest

from dnsfilter.errors import WireError
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.upstream.udp import is_response
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.messages import ask, edns, mutate, parse, respond
from tests.fakes.world import Upstream, World, shipped

PACKETS = 200_000
NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
NAMES = ["www.example", "shop.example", "www.tiktok.com", "api16-normal.tiktokv.us", "use-application-dns.net", "."]
OPTS = [None, edns(4096), edns(do=True, options=[(10, bytes(8)), (8, b"\0\1\x18\0\xc0\0\2")])]
QUERIES = [ask(name, qtype, opt=opt) for name, qtype, opt in product(NAMES, ["A", "HTTPS", "ANY"], OPTS)]
SOA = "example. 900 SOA ns.example. host.example. 1 2 3 4 60"
ANSWERS = [
    (["a.example. 300 A 192.0.2.7", "a.example. 300 AAAA ::1"], []),
    (["a.example. 300 CNAME e1.cdn.test.", "e1.cdn.test. 20 A 71.18.1.1"], []),
    (["a.example. 300 MX 10 mx.example.", "a.example. 300 SRV 1 2 3 srv.example."], [SOA]),
    (["a.example. 300 HTTPS 1 svc.example. alpn=h2", "a.example. 300 TXT text"], []),
    ([], [SOA]),
]
RESPONSES = [respond(ask("a.example"), answers, authorities) for answers, authorities in ANSWERS]
QUESTION = Query(ask("a.example")).question


def check_reply(reply: bytes) -> None:
    """Check that a reply is a bare header or what the other codec reads; it reads only names that are UTF-8."""
    try:
        assert len(reply) == 12 or parse(reply).header.qr
    except Exception as error:
        if "Invalid label" not in str(error):
            raise


def test_mutated_queries(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a client sends gets silence or a message, and nothing unexpected is logged."""
    configuration, lists = shipped(tmp_path)
    world, random = World(configuration, lists, Upstream(), NOW), Random(8482)
    seats = [world.resolver.seats.take(address, NOW) for address in (b"\x7f\0\0\1", b"\x0a\1\0\1", b"\xc0\0\2\1")]
    for seat in seats:
        seat.tokens = 1e18
    replies = set()
    for step in range(PACKETS // 2):
        result = world.resolver.receive(mutate(random, random.choice(QUERIES)), seats[step % 3], Transport.UDP, NOW)
        if isinstance(result, Pending):
            result = world.resolver.fail(result, NOW)
        if result:
            replies.add(result[2:])
    for reply in replies:
        check_reply(b"\0\0" + reply)
    assert len(replies) > 1000
    assert not caplog.records


def test_mutated_responses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever an upstream sends to our question is refused, or becomes a response that could be read again."""
    configuration, lists = shipped(tmp_path)
    world, random = World(configuration, lists, Upstream(), NOW), Random(1035)
    seat = world.resolver.seats.take(b"\x7f\0\0\1", NOW)
    refused = passed = 0
    for step in range(PACKETS // 2):
        pending = world.resolver.receive(ask_for_answer(step), seat, Transport.TCP, NOW)
        assert isinstance(pending, Pending)
        message = mutate(random, random.choice(RESPONSES))
        if not is_response(message, QUESTION):
            continue
        try:
            answer = world.resolver.accept(pending.query, message, NOW)
        except WireError:
            refused += 1
            continue
        world.resolver.cache = type(world.resolver.cache)(configuration.cache)
        again = Answer(world.resolver.finish(pending, answer, NOW), len(QUESTION), NOW)
        assert again.answers <= max(answer.answers, 1)
        passed += 1
    assert refused > 1000
    assert passed > 1000
    assert not caplog.records


def ask_for_answer(step: int) -> bytes:
    """Return one of the queries for the question of the responses."""
    return ASKING[step % len(ASKING)]


ASKING = [ask("a.example", opt=opt) for opt in OPTS]
