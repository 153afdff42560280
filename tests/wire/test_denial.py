"""Denials that stand behind any question."""

from random import Random

import pytest
from dnslib import NSEC, QTYPE, RR, RRSIG, SOA, DNSLabel
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.denial import generalize, is_about
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer, build_response
from tests.fakes.messages import PLAIN_NAMES, ask, mutate, parse, respond

SOA_LINE = "example. 900 SOA ns.gone.example. host.example. 1 2 3 4 60"
WIRE = b"\4gone\7example\0"


def denial(authorities, additionals=()):
    """Return the answer that gone.example does not exist."""
    query = ask("gone.example")
    return Answer(respond(query, [], authorities, additionals, rcode=3), len(Query(query).question), 7.0)


@given(PLAIN_NAMES, st.integers(0, 300))
def test_the_same_proof_behind_any_question(name, elapsed):
    """SOA, NSEC and signatures are, for the other codec, the records that the upstream sent; TTLs go on ageing."""
    signature = RRSIG(QTYPE.SOA, 8, 1, 900, 2**31, 1, 7, DNSLabel("example"), b"signature")
    proof = [
        *RR.fromZone(SOA_LINE),
        RR("example", QTYPE.RRSIG, ttl=900, rdata=signature),
        RR("zone.example", QTYPE.NSEC, ttl=800, rdata=NSEC("x.gone.example", ["A"])),
    ]
    answer = denial(proof)
    general = generalize(answer, WIRE)
    query = Query(ask(name))
    response = parse(build_response(query, general.rcode, general, body=general.aged(elapsed)))
    assert [(rr.rname, rr.rtype, rr.rdata) for rr in response.auth] == [(r.rname, r.rtype, r.rdata) for r in proof]
    assert [rr.ttl for rr in response.auth] == [max(rr.ttl - elapsed, 0) for rr in proof]
    assert (general.stored, general.ttl, general.is_general, answer.is_general) == (7.0, 60, True, False)


def test_only_the_proof():
    """What else the upstream sent was for the name that was asked for."""
    general = generalize(denial([SOA_LINE, "example. 60 NS ns.example."], ["ns.example. 60 A 192.0.2.1"]), WIRE)
    assert (general.answers, general.authorities, general.additionals, len(general.ttls)) == (0, 1, 0, 1)


@given(st.integers())
def test_mutated(seed):
    """Whatever was read as a denial can be made one for any name, without an exception."""
    message = mutate(Random(seed), respond(ask("gone.example"), [], [SOA_LINE], rcode=3))
    try:
        answer = Answer(message, len(WIRE) + 4, 0.0)
    except WireError:
        return
    if not answer.answers:
        general = generalize(answer, WIRE)
        assert len(general.aged(3)) == len(general.body)
        is_about(answer, WIRE)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ("example", True),
        ("gone.example", True),
        ("GONE.Example", True),
        (".", True),
        ("ample", False),
        ("a.gone.example", False),
        ("test", False),
    ],
)
def test_whose_denial(owner, expected):
    """The SOA record is that of a zone at or above the name."""
    soa = RR(owner, QTYPE.SOA, ttl=60, rdata=SOA("ns", "host", (1, 2, 3, 4, 5)))
    assert is_about(denial(["example. 60 NS ns.example.", soa]), WIRE) is expected
    assert not is_about(denial(["example. 60 NS ns.example."]), WIRE)
