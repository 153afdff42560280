"""Queries: arbitrary and mutated octets, agreement with the other codec, and every way of being malformed."""

from random import Random

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.codes import MAX_UDP_PAYLOAD, MIN_UDP_PAYLOAD, Type
from dnsfilter.wire.name import MAX_NAME, to_text
from dnsfilter.wire.query import Query
from tests.fakes.messages import ANY_LABELS, NAMES, TEXT_NAMES, ask, edns, mutate, to_wire

OPTIONS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=3)
OPTS = st.builds(edns, st.integers(0, 0xFFFF), st.integers(0, 255), do=st.booleans(), options=OPTIONS)
QUERIES = st.builds(
    ask,
    TEXT_NAMES,
    st.integers(0, 0xFFFF),
    identifier=st.integers(0, 0xFFFF),
    flags=st.integers(0, 0xFFFF),
    qclass=st.integers(0, 0xFFFF),
    opt=st.none() | OPTS,
)
HEADER = bytes.fromhex("1234 0100 0001 0000 0000 0000")
QUESTION = b"\3www\7example\0\0\1\0\1"
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def counts(questions=1, answers=0, authorities=0, additionals=0):
    """Return a header with these counts."""
    numbers = (questions, answers, authorities, additionals)
    return HEADER[:4] + b"".join(number.to_bytes(2, "big") for number in numbers)


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda rest: HEADER + rest))
def test_arbitrary_octets(message):
    """Whatever comes is a query or a WireError."""
    try:
        query = Query(message)
    except WireError:
        return
    assert query.question in message
    assert query.name


@given(QUERIES, st.integers())
def test_mutated_queries(message, seed):
    """A query with a few octets changed is a query or a WireError."""
    try:
        Query(mutate(Random(seed), message))
    except WireError:
        return


@given(QUERIES)
def test_agrees_with_dnslib(message):
    """Header, question and EDNS are what the other codec reads."""
    query, expected = Query(message), DNSRecord.parse(message)
    assert (query.id, query.flags) == (expected.header.id, expected.header.bitmap)
    assert (query.qtype, query.qclass) == (expected.q.qtype, expected.q.qclass)
    assert query.question[:-4] == to_wire(expected.q.qname.label)
    assert query.has_edns == bool(expected.ar)
    if expected.ar:
        opt = expected.ar[0]
        assert query.payload == min(max(opt.rclass, MIN_UDP_PAYLOAD), MAX_UDP_PAYLOAD)
        assert query.version == opt.ttl >> 16 & 0xFF
        assert query.do == bool(opt.ttl & 0x8000)
    else:
        assert (query.payload, query.version, query.do) == (MIN_UDP_PAYLOAD, -1, False)


@given(NAMES, ANY_LABELS, st.integers())
def test_known_parents_change_nothing(parent, label, seed):
    """A name below one that was read before reads as if it were the first, whatever its octets."""
    head, tail = HEADER, b"\0\1\0\1"
    Query(head + to_wire((b"first", *parent)) + tail)
    message = head + to_wire((label, *parent)) + tail
    if len(message) - len(head) - 4 > MAX_NAME:
        return
    query = Query(message)
    assert (query.name, query.question) == (to_text(to_wire((label, *parent))), message[len(head) :])
    mutated = mutate(Random(seed), message)
    try:
        query = Query(mutated)
    except WireError:
        return
    assert query.name == to_text(query.question[:-4])


@given(QUERIES, QUERIES)
def test_key(one, other):
    """Two queries share an answer just when name (but for case), type, class, DO and CD are the same."""

    def depends_on(query):
        return query.question[:-4].lower(), query.question[-4:], query.do, query.flags & 0x0010

    first, second = Query(one), Query(other)
    assert (first.key == second.key) == (depends_on(first) == depends_on(second))


def test_key_ignores_case_and_nothing_else():
    """The octets of type and class are no letters: type 0x41 and type 0x61 are different questions."""
    assert Query(ask("WWW.example")).key == Query(ask("www.EXAMPLE")).key
    assert Query(ask("a", 0x0041)).key != Query(ask("a", 0x0061)).key
    assert Query(ask("a", flags=0x0110)).key != Query(ask("a")).key
    assert Query(ask("a", opt=edns(do=True))).key != Query(ask("a", opt=edns())).key
    assert Query(ask("a", opt=edns())).key == Query(ask("a")).key


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "header"),
        (HEADER[:11], "header"),
        (counts(questions=0), "one question"),
        (counts(questions=0) + QUESTION, "one question"),
        (counts(questions=2) + QUESTION * 2, "one question"),
        (counts(answers=1) + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\0", "no answers"),
        (counts(authorities=1) + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\0", "no answers"),
        (HEADER, "inside the question"),
        (HEADER + b"\3ww", "inside the question"),
        (HEADER + QUESTION[:-1], "inside the question"),
        (HEADER + QUESTION + b"x", "behind the question"),
        (HEADER + b"\xc0\x0c\0\1\0\1", "label type"),  # a pointer to itself
        (HEADER + b"\xc0\x20\0\1\0\1", "label type"),  # RFC 9267 section 2: nothing stands before the first name
        (HEADER + b"\x40a\0\0\1\0\1", "label type"),
        (HEADER + b"\x80a\0\0\1\0\1", "label type"),
        (HEADER + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", "longer than 255"),
        (counts(additionals=1) + QUESTION, "inside a name"),
        (counts(additionals=1) + QUESTION + OPT[:8], "inside a record"),
        (counts(additionals=1) + QUESTION + OPT[:-1] + b"\1", "inside record data"),
        (counts(additionals=1) + QUESTION + OPT + b"x", "behind the last record"),
        (counts(additionals=2) + QUESTION + OPT * 2, "OPT must be one"),  # RFC 6891 section 6.1.1
        (counts(additionals=1) + QUESTION + b"\1a" + OPT, "owned by the root"),  # RFC 6891 section 6.1.2
        (counts(additionals=1) + QUESTION + b"\xc0\x0c" + OPT[1:], "owned by the root"),
        (counts(additionals=1) + QUESTION + OPT[:-1] + b"\3\0\x0a\0", "inside an option"),
        (counts(additionals=1) + QUESTION + OPT[:-1] + b"\4\0\x0a\0\1", "inside an option"),
        (counts(additionals=1) + QUESTION + OPT[:-1] + b"\6\0\x0a\0\1xy", "inside an option"),
    ],
)
def test_malformed(message, why):
    """Each way of being malformed is refused for what it is."""
    with pytest.raises(WireError, match=why):
        Query(message)


def test_other_additional_records_are_passed_over():
    """A record that is no OPT (a TSIG, say) takes nothing from the question."""
    record = b"\1k\0\0\xfa\0\xff\0\0\0\0\0\2xy"
    query = Query(counts(additionals=2) + QUESTION + record + OPT)
    assert (query.qtype, query.has_edns) == (Type.A, True)


def test_label_with_a_dot_is_one_label():
    """RFC 4343 section 2.1: a dot inside a label is written as an escape in text, for it separates nothing."""
    query = Query(ask((b"www.tiktok", b"com")))
    assert query.name == r"www\046tiktok.com"
    assert Query(ask((b"www", b"tiktok", b"com"))).key != query.key
