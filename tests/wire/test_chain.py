"""Which answer sections belong to a question."""

from itertools import pairwise
from random import Random

import pytest
from dnslib import CNAME, QTYPE, RR, A, DNSLabel
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import WireError
from dnsfilter.wire.chain import MAX_CHAIN, ancestors, follows_question
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.messages import PLAIN_NAMES, ask, mutate, respond, to_wire

ADDRESS = "192.0.2.1"


def belongs(answers, name="www.example"):
    """Whether an answer section belongs to a question."""
    query = ask(name)
    records = [rename(line) if " DNAME " in line else line for line in answers]
    return follows_question(respond(query, records), 12 + len(Query(query).question), len(answers))


def rename(line):
    """Return a DNAME record, which the other codec cannot read."""
    owner, _, _, target = line.split()
    return RR(owner, QTYPE.DNAME, rdata=CNAME(target))


def chain(length):
    """Return so many aliases and the address of the last."""
    aliases = [f"{'www' if n == 0 else f'n{n}'}.example. 60 CNAME n{n + 1}.example." for n in range(length)]
    return [*aliases, f"n{length}.example. 60 A {ADDRESS}"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([f"www.example. 60 A {ADDRESS}"], True),
        ([f"WWW.Example. 60 A {ADDRESS}", "www.example. 60 A 192.0.2.2"], True),
        (["www.example. 60 CNAME a.test."], True),
        (["www.example. 60 CNAME A.test.", f"a.TEST. 60 A {ADDRESS}"], True),
        ([f"b.test. 60 A {ADDRESS}", "a.test. 60 CNAME b.test.", "www.example. 60 CNAME a.test."], True),
        (["example. 60 DNAME test.", "www.example. 60 CNAME www.test.", f"www.test. 60 A {ADDRESS}"], True),
        (["www.example. 60 CNAME a.b.test.", "test. 60 DNAME x.", "a.b.test. 60 CNAME a.b.x."], True),
        (chain(MAX_CHAIN), True),
        (chain(MAX_CHAIN + 1), False),
        (["www.example. 60 CNAME www.example."], False),
        (["www.example. 60 CNAME a.test.", "a.test. 60 CNAME www.example."], False),
        (["www.example. 60 CNAME a.test.", "a.test. 60 CNAME b.test.", "b.test. 60 CNAME a.test."], False),
        (["www.example. 60 CNAME a.test.", "www.example. 60 CNAME b.test."], False),
        ([f"bank.example. 60 A {ADDRESS}"], False),
        ([f"www.example. 60 A {ADDRESS}", f"bank.example. 60 A {ADDRESS}"], False),
        (["www.example. 60 CNAME a.test.", f"b.test. 60 A {ADDRESS}"], False),
        (["a.test. 60 CNAME b.test.", f"b.test. 60 A {ADDRESS}"], False),
        (["ample. 60 DNAME test.", f"www.example. 60 A {ADDRESS}"], False),
        (["sub.www.example. 60 DNAME test.", f"www.example. 60 A {ADDRESS}"], False),
        (["example. 60 DNAME test.", f"example. 60 A {ADDRESS}", f"www.example. 60 A {ADDRESS}"], True),
    ],
)
def test_one_chain_from_the_question(answers, expected):
    """Threats 34 and 35: a chain of bounded length without a loop, in any order, and nothing beside it."""
    assert belongs(answers) is expected


@given(st.lists(PLAIN_NAMES.filter(bool), min_size=2, max_size=MAX_CHAIN, unique_by=str), st.randoms())
def test_any_order(names, random):
    """A chain is one in whatever order its records come, and none when a record in its middle is missing."""
    labels = [DNSLabel(list(name)) for name in names]
    if len({str(label).lower() for label in labels}) < len(labels):
        return
    query = ask(names[0])
    records = [RR(label, QTYPE.CNAME, rdata=CNAME(to)) for label, to in pairwise(labels)]
    records.append(RR(labels[-1], QTYPE.A, rdata=A(ADDRESS)))
    random.shuffle(records)
    start = 12 + len(Query(query).question)
    assert follows_question(respond(query, records), start, len(records))
    broken = [record for record in records if record.rname != labels[0]]
    assert not follows_question(respond(query, broken), start, len(broken))


@given(st.lists(st.sampled_from(["a", "b", "www"]), max_size=5), st.integers())
def test_mutated_sections(names, seed):
    """Whatever is read as an answer belongs, does not belong, or is a WireError."""
    query = ask("www.example")
    records = [RR(f"{name}.example", QTYPE.CNAME, rdata=CNAME(f"{name}.{name}.example")) for name in names]
    message = mutate(Random(seed), respond(query, records))
    start = 12 + len(Query(query).question)
    try:
        answer = Answer(message, start - 12, 0.0)
        follows_question(message, start, answer.answers)
    except WireError:
        return


def test_more_names_than_a_message_holds():
    """Names of the greatest length, repeated by pointers, are not read for ever."""
    long = b"\x01a" * 126 + b"\0"
    head = bytes(4) + b"\0\1\x0b\xb8\0\0\0\0" + b"\1x\0\0\1\0\1"
    first = long + b"\0\x10\0\1\0\0\0\x3c\0\0"
    rest = b"".join(
        (0xC000 | len(head) + 2 * (number % 100)).to_bytes(2, "big") + b"\0\x10\0\1\0\0\0\x3c\0\4" + bytes(4)
        for number in range(2999)
    )
    assert not follows_question(head + first + rest, len(head), 3000)
    names = b"".join(long + b"\0\x10\0\1\0\0\0\x3c\0\0" for _ in range(260))
    with pytest.raises(WireError, match="more names"):
        follows_question(head + names, len(head), 260)


@given(PLAIN_NAMES)
def test_ancestors(labels):
    """They are the name without its first label, without its first two, and so on, the root left out."""
    assert list(ancestors(to_wire(labels))) == [to_wire(labels[n:]) for n in range(1, len(labels))]
