"""Real answers with octets changed: refused as malformed, or passed on as what two other codecs read in them."""

import struct
from random import Random

from dnsfilter.errors import WireError
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from tests.conformance.reading import Reading, read
from tests.fakes.messages import ask, edns, mutate, parse, respond
from tests.fakes.resolving import make_resolver

PACKETS = 30_000
NOW = 1000.0
SOA = "example. 900 SOA ns.example. host.example. 1 2 3 4 60"
OPTS = [None, edns(), edns(do=True)]
ANSWERS = [
    (["a.example. 300 A 192.0.2.7", "a.example. 300 A 192.0.2.8"], [], []),
    (["a.example. 300 CNAME b.cdn.test.", "b.cdn.test. 20 CNAME c.cdn.test.", "c.cdn.test. 20 A 192.0.2.9"], [], []),
    (
        ["a.example. 300 MX 10 mx.a.example.", "a.example. 300 MX 20 mx2.a.example."],
        [],
        ["mx.a.example. 60 A 192.0.2.1"],
    ),
    (["a.example. 300 HTTPS 1 svc.example. alpn=h2,h3 port=8443 ipv4hint=192.0.2.1"], [], []),
    (["a.example. 300 SRV 1 2 3 srv.example.", 'a.example. 300 TXT "text" "more"'], ["example. 60 NS ns.example."], []),
    ([], [SOA], []),
]
RESPONSES = [respond(ask("a.example"), *sections) for sections in ANSWERS]
SERVFAIL = 2


def read_by_others(message: bytes) -> tuple[Reading | None, bool]:
    """Return what the reader of the tests reads, and whether dnslib reads it too."""
    try:
        reading = read(message)
    except (ValueError, IndexError, struct.error):
        return None, False
    try:
        parse(message)
    except Exception:  # noqa: BLE001 - dnslib raises whatever it trips over
        return reading, False
    return reading, True


def test_what_is_accepted_is_what_others_read() -> None:
    """Records come out as others read them in what the upstream sent; whatever others read, they read again from us."""
    resolver, random = make_resolver(cache={"entries": 0}), Random(6891)
    seat = resolver.seats.take(b"\x7f\0\0\1", NOW)
    waiting = [resolver.receive(ask("a.example", opt=opt), seat, Transport.TCP, NOW) for opt in OPTS]
    refused = same = failed = 0
    for step in range(PACKETS):
        pending = waiting[step % len(waiting)]
        assert isinstance(pending, Pending)
        question = pending.query.question
        message = mutate(random, random.choice(RESPONSES))
        if not message.startswith(question, 12):
            continue
        try:
            answer = resolver.accept(pending.query, message, NOW)
        except WireError:
            refused += 1
            continue
        response = resolver.finish(pending, answer, NOW)
        theirs, is_read_by_dnslib = read_by_others(message)
        if theirs is None:
            continue
        ours, is_ours_read_by_dnslib = read_by_others(response)
        assert ours is not None, (message.hex(), response.hex())
        if ours.rcode == SERVFAIL:
            assert ours.sections[:2] == [[], []]
            failed += 1
            continue
        assert ours.rcode == theirs.rcode & 0xF
        assert ours.sections[0] == theirs.sections[0], (message.hex(), response.hex())
        assert ours.sections[1] == theirs.sections[1]
        assert is_ours_read_by_dnslib or not is_read_by_dnslib
        same += 1
    assert min(refused, same, failed) > 50
