"""Responses: what upstreams may send us, and that what we send means to the other codec what we meant."""

import struct
from random import Random

import pytest
from dnslib import AAAA, CNAME, HTTPS, MX, QTYPE, RD, RR, SOA, SRV, TXT, A, DNSLabel
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import ExtendedError, Flag, Rcode, Type
from dnsfilter.wire.name import to_text
from dnsfilter.wire.opt import build_extended_error
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import (
    Answer,
    Records,
    build_address,
    build_header,
    build_minimal_any,
    build_response,
    build_soa,
    build_truncated,
    parent_pointer,
)
from tests.fakes.messages import (
    PLAIN_NAMES,
    TEXT_NAMES,
    ask,
    edns,
    extended_errors,
    mutate,
    opts,
    parse,
    respond,
    to_wire,
)

MAX_TTL = 0x7FFFFFFF
QUERIES = st.builds(ask, PLAIN_NAMES, st.sampled_from(["A", "AAAA", "HTTPS", "TXT"]))
LABELS = PLAIN_NAMES.map(lambda name: DNSLabel(list(name)))
SMALL = st.integers(0, 0xFFFF)
ADDRESSED = st.binary(min_size=4, max_size=4).map(lambda packed: (A(tuple(packed)), None, packed))
ADDRESSED6 = st.binary(min_size=16, max_size=16).map(lambda packed: (AAAA(tuple(packed)), None, packed))
LEADING = LABELS.flatmap(
    lambda label: st.one_of(
        st.builds(lambda: (CNAME(label), label, None)),
        st.builds(lambda n: (MX(label, n), label, None), SMALL),
        st.builds(lambda n: (SRV(n, n, n, label), label, None), SMALL),
        st.builds(lambda n: (HTTPS(n, list(label.label), []), label, None), SMALL),
    )
)
OTHER = st.binary(max_size=30).map(lambda data: (TXT(data), None, None))
RDATA = st.one_of(ADDRESSED, ADDRESSED6, LEADING, OTHER)
TYPES = {
    A: QTYPE.A,
    AAAA: QTYPE.AAAA,
    CNAME: QTYPE.CNAME,
    MX: QTYPE.MX,
    SRV: QTYPE.SRV,
    HTTPS: QTYPE.HTTPS,
    TXT: QTYPE.TXT,
}


@st.composite
def records(draw, max_size=5):
    """Draw records with what we should find in each: the name it leads to, the address it gives."""
    found = []
    for rdata, target, address in draw(st.lists(RDATA, max_size=max_size)):
        owner, ttl = draw(LABELS), draw(st.integers(0, MAX_TTL))
        found.append((RR(owner, TYPES[type(rdata)], 1, ttl, rdata), target, address))
    return found


def read(message, now=0.0):
    """Read a response to a query with the same question."""
    end = 12
    while message[end]:
        end += 1 + message[end]
    return Answer(message, end + 5 - 12, now)


@given(st.binary(max_size=400), st.integers(0, 300))
def test_arbitrary_octets(message, question_size):
    """Whatever comes is an answer or a WireError."""
    try:
        Answer(message, question_size, 0.0)
    except WireError:
        return


@given(QUERIES, records(), records(), st.integers())
def test_mutated_responses(query, answers, additionals, seed):
    """A response with a few octets changed is an answer or a WireError, and can still be aged."""
    message = respond(query, [rr for rr, _, _ in answers], (), [rr for rr, _, _ in additionals])
    try:
        answer = Answer(mutate(Random(seed), message), len(Query(query).question), 0.0)
    except WireError:
        return
    assert len(answer.aged(3)) == len(answer.with_ttl(30)) == len(answer.body)


@given(QUERIES, records(), records(), st.booleans())
def test_agrees_with_dnslib(query, answers, additionals, opt):
    """Sections, TTLs, targets and addresses are what the other codec wrote; its OPT stays between us."""
    message = respond(query, [rr for rr, _, _ in answers], (), [rr for rr, _, _ in additionals], opt=opt)
    answer = Answer(message, len(Query(query).question), 7.0)
    assert (answer.answers, answer.authorities, answer.additionals) == (len(answers), 0, len(additionals))
    ttls = [rr.ttl for rr, _, _ in answers + additionals]
    assert [struct.unpack_from("!I", answer.body, offset)[0] for offset in answer.ttls] == ttls
    assert answer.ttl == (min(rr.ttl for rr, _, _ in answers) if answers else 0)
    assert list(answer.targets) == [to_text(to_wire(label.label)) for _, label, _ in answers if label is not None]
    assert list(answer.addresses) == [address for _, _, address in answers if address]
    assert (answer.rcode, answer.stored, answer.is_wanted) == (0, 7.0, False)
    assert message.startswith(answer.body, 12 + len(Query(query).question))


@given(
    QUERIES, records(), st.integers(0, 0x20), st.integers(0, MAX_TTL), st.sampled_from([None, edns(), edns(do=True)])
)
def test_passes_an_answer_on(query, answers, elapsed, ttl, opt):
    """What we send of an upstream's answer is that answer, TTLs aged but never below 0, OPT only when asked for."""
    asked = parse(query)
    if opt:
        asked.add_ar(opt)
    query = Query(bytes(asked.pack()))
    message = respond(
        bytes(asked.pack()), [rr for rr, _, _ in answers], additionals=[RR("x", ttl=ttl, rdata=A("192.0.2.1"))]
    )
    answer = Answer(message, len(query.question), 0.0)
    response = parse(build_response(query, answer.rcode, answer, body=answer.aged(elapsed)))
    expected = parse(message)
    assert [(rr.rname, rr.rtype, rr.rdata) for rr in response.rr] == [(r.rname, r.rtype, r.rdata) for r in expected.rr]
    assert [rr.ttl for rr in response.rr] == [max(rr.ttl - elapsed, 0) for rr in expected.rr]
    assert response.ar[0].ttl == max(ttl - elapsed, 0)
    assert len(opts(response)) == bool(opt)
    stale = parse(build_response(query, answer.rcode, answer, body=answer.with_ttl(30)))
    assert {rr.ttl for rr in stale.rr} <= {30}


@given(
    TEXT_NAMES,
    st.integers(0, 0xFFFF),
    st.sampled_from([None, edns(), edns(4096, do=True)]),
    st.integers(0, 24),
    st.booleans(),
)
def test_header_and_edns_of_what_we_build(name, flags, opt, rcode, with_error):
    """ID, RD and CD come back, QR and RA are set, AD, AA and TC clear, the case kept, EDE only inside OPT."""
    if rcode > 15 and opt is None:
        rcode = 15
    message = ask(name, "A", flags=flags & 0x87FF, opt=opt)
    query = Query(message)
    errors = [build_extended_error(ExtendedError.BLOCKED, "app tiktok")] if with_error else ()
    response = parse(build_response(query, rcode, errors=errors))
    header = response.header
    assert (header.id, header.bitmap & 0x0110) == (0x1234, flags & 0x0110)
    assert header.bitmap & ~0x0110 == 0x8080 | rcode & 0xF
    assert response.q.qname.label == tuple(name)
    assert len(opts(response)) == (opt is not None)
    assert extended_errors(response) == ([(15, "app tiktok")] if opt and with_error else [])
    for record in opts(response):
        assert record.ttl >> 24 << 4 | header.rcode == rcode  # RFC 6891 section 6.1.3
        assert record.ttl >> 16 & 0xFF == 0
        assert bool(record.ttl & 0x8000) == query.do  # RFC 3225 section 3
        assert record.rclass == 1232


@pytest.mark.parametrize(
    ("ttls", "soa", "rcode", "expected", "is_negative"),
    [
        ([300, 60], None, 0, 60, False),
        ([0xFFFFFFFF, 60], None, 0, 0, False),  # RFC 2181 section 8: the top bit set means zero
        ([60, 0x80000000], None, 0, 0, False),
        ([], (900, 300), 0, 300, True),  # RFC 2308 section 5: the lesser of SOA TTL and MINIMUM
        ([], (60, 300), 3, 60, True),
        ([], (0xFFFFFFFF, 300), 3, 0, True),
        ([], None, 3, 0, True),  # RFC 2308 section 5: negative responses without SOA should not be cached
        ([], None, 0, 0, True),
        ([30], (900, 300), 3, 30, True),  # RFC 2308 section 2.1: NXDOMAIN behind a CNAME
        ([3600], (900, 300), 0, 300, True),  # RFC 2308 section 2.2: NODATA behind a CNAME
        ([3600], None, 3, 0, True),
    ],
)
def test_how_long_an_answer_lives(ttls, soa, rcode, expected, is_negative):
    """The smallest TTL of the answers; for negative answers what the SOA says."""
    answers = [RR("a.example", QTYPE.CNAME, ttl=ttl, rdata=CNAME("b.example")) for ttl in ttls]
    authorities = []
    if soa:
        rdata = SOA("ns.example", "host.example", (1, 2, 3, 4, soa[1]))
        authorities = [RR("example", QTYPE.SOA, ttl=soa[0], rdata=rdata)]
    answer = read(respond(ask("a.example"), answers, authorities, rcode=rcode))
    assert (answer.ttl, answer.is_negative) == (expected, is_negative)


def test_service_bindings_and_dname_lead_somewhere():
    """DNAME (RFC 6672) and SVCB (RFC 9460) name where to go on, in their own places."""
    dname = RR("a.example", QTYPE.DNAME, ttl=5, rdata=RD(b"\6target\4test\0"))
    svcb = RR("a.example", 64, ttl=5, rdata=RD(b"\0\1\3svc\4test\0\0\1\0\3\2h2"))
    alias = RR("a.example", 65, ttl=5, rdata=RD(b"\0\1\0"))
    assert read(respond(ask("a.example"), [dname, svcb, alias])).targets == ("target.test", "svc.test", ".")


QUESTION = b"\1a\0\0\1\0\1"
HEADER = b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        HEADER[:8],
        HEADER[:4] + b"\0\0\0\0\0\0\0\0" + QUESTION,  # no question
        HEADER[:4] + b"\0\2\0\0\0\0\0\0" + QUESTION * 2,
        HEADER + QUESTION,  # an answer promised
        HEADER + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3",  # data cut off
        HEADER + QUESTION + b"\xc0\x0c\0\5\0\1\0\0\0\5\0\2\xc0\x1f",  # CNAME to itself
        HEADER + QUESTION + b"\xc0\x0c\0\5\0\1\0\0\0\5\0\0",  # CNAME to nothing
        HEADER + QUESTION + b"\xc0\x0c\0\5\0\1\0\0\0\5\0\1\1a\0",  # CNAME longer than its data
        HEADER + QUESTION + b"\xc0\x0c\0\x0f\0\1\0\0\0\5\0\2\0\1",  # MX without a name
        HEADER[:6] + b"\0\0\0\1\0\0" + QUESTION + b"\xc0\x0c\0\6\0\1\0\0\0\5\0\2\0\0",  # SOA too short
        HEADER[:6] + b"\0\0\0\0\0\1" + QUESTION + b"\0\0\x29\4\xd0\1\0\0\0\0\0",  # BADVERS: our own EDNS
    ],
)
def test_malformed(message):
    """Each is a WireError, so that the next upstream is asked."""
    with pytest.raises(WireError):
        Answer(message, len(QUESTION), 0.0)


def test_what_stands_behind_opt_is_not_kept():
    """Additional data behind OPT goes with it; what is left is a whole message."""
    query = ask("a", opt=edns())
    message = respond(query, ["a. 5 A 192.0.2.1"], (), ["b. 5 A 192.0.2.2", edns(), "c. 5 A 192.0.2.3"], opt=False)
    answer = Answer(message, len(QUESTION), 0.0)
    response = parse(build_response(Query(query), 0, answer))
    assert [str(rr.rname) for rr in response.ar if rr.rtype != QTYPE.OPT] == ["b."]


class Counted(bytes):
    """Octets that count how often they were looked at."""

    looks = 0

    def __getitem__(self, key):
        """Count."""
        Counted.looks += 1
        return super().__getitem__(key)


def test_names_of_a_large_answer_are_bounded():
    """64 KB of records that all lead to long names through pointers cost no more than such names written out."""
    base = b"".join(b"\1a" for _ in range(120)) + b"\0"
    head = b"\xc0\x0c" + struct.pack("!HHIHH", Type.MX, 1, 60, 2 + 4, 1)
    records = [head + bytes([1, index & 0xFF]) + b"\xc0\x0c" for index in range(3500)]
    body, count = b"".join(records), len(records)
    assert len(body) > 60_000
    message = HEADER[:6] + struct.pack("!HHH", count, 0, 0) + base + b"\0\x0f\0\1" + body
    Counted.looks = 0
    with pytest.raises(WireError, match="without compression"):
        Answer(Counted(message), len(base) + 4, 0.0)
    assert Counted.looks < 2 * 65_535


def test_large_answers_that_are_honest_are_read():
    """Five hundred servers of one service are no attack."""
    answers = [
        RR("a", QTYPE.SRV, ttl=60, rdata=SRV(1, 1, 443, f"server-{index}.site.corp.example")) for index in range(500)
    ]
    answer = read(respond(ask("a", "SRV"), answers))
    assert len(answer.targets) == len(set(answer.targets)) == 500


def test_addresses_and_soa():
    """Sinkhole address and negative answer mean the same to the other codec; the SOA belongs to the name above."""
    query = Query(ask("WWW.example"))
    response = parse(build_response(query, 0, build_address(Type.AAAA, b"\0" * 15 + b"\1", 10)))
    assert [(str(rr.rname), rr.rtype, rr.ttl, str(rr.rdata)) for rr in response.rr] == [
        ("WWW.example.", QTYPE.AAAA, 10, "::1")
    ]
    negative = parse(build_response(query, Rcode.NXDOMAIN, build_soa(9, owner=parent_pointer(query))))
    (soa,) = negative.auth
    assert (str(soa.rname), soa.ttl, soa.rdata.times[-1], negative.header.rcode) == ("example.", 9, 9, 3)
    root = Query(ask("."))
    assert str(parse(build_response(root, 3, build_soa(9, owner=parent_pointer(root)))).auth[0].rname) == "."


@pytest.mark.parametrize(("hints", "is_taken"), [(4093, True), (4094, False), (16_000, False)])
def test_hints_count_like_records(hints, is_taken):
    """A service binding gives no more addresses than as many records could: each has to be judged."""
    addresses = b"".join(b"\xc6\x33" + struct.pack("!H", number) for number in range(hints))
    data = b"\0\1\0\0\4" + struct.pack("!H", len(addresses)) + addresses
    record = b"\xc0\x0c\0\x41\0\1\0\0\0\x3c" + struct.pack("!H", len(data)) + data
    query = ask("a.example", "HTTPS")
    message = query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + record
    if is_taken:
        assert len(Answer(message, len(query) - 12, 0.0).addresses) == hints
    else:
        with pytest.raises(WireError, match="more names and hints"):
            Answer(message, len(query) - 12, 0.0)


def test_minimal_any():
    """RFC 8482 section 4.2: the CPU field of the synthesized HINFO should be "RFC8482", its OS field empty."""
    (record,) = parse(build_response(Query(ask("a.example", "ANY")), 0, build_minimal_any())).rr
    assert (record.rtype, record.ttl, bytes(record.rdata.data)) == (13, 3600, b"\x07RFC8482\0")


def test_truncation_leaves_nothing_partial():
    """RFC 2181 section 9: where TC is set, what is there must not be used; so there is nothing."""
    query = Query(ask("a.example", opt=edns()))
    response = parse(build_truncated(query, 0, 0))
    assert response.header.tc
    assert (response.rr, response.auth, len(opts(response))) == ([], [], 1)


@pytest.mark.parametrize("message", [b"", HEADER[:11], HEADER + QUESTION])
def test_no_header_for_what_is_no_query(message):
    """A response, or less than a header, is never answered."""
    assert build_header(message, Rcode.FORMERR) is None


def test_header_of_refusal():
    """ID, opcode, RD and CD come back."""
    response = parse(build_header(bytes.fromhex("abcd 7910 ffff ffff ffff ffff"), Rcode.NOTIMP))
    assert (response.header.id, response.header.bitmap) == (0xABCD, Flag.QR | 0x7910 | Rcode.NOTIMP)


def test_records_without_ttls_age_to_themselves():
    """A body without TTLs stays."""
    assert Records(body=b"x").aged(5) == Records(body=b"x").with_ttl(5) == b"x"
