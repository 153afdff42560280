"""Queries that come back: recognised by those who have the key, and by nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.upstream.loops import HINFO, Loops
from dnsfilter.wire.query import Query
from tests.fakes.messages import NAMES, ask, parse, respond

KEY = b"k" * 16


def test_a_probe_is_recognised_and_proves_it() -> None:
    """Whoever has the key, another worker too, answers a probe so that who sent it sees it has come back."""
    probe = Loops(KEY).make_probe(0.0)
    assert probe
    query = Query(b"\0\7" + probe.packet)
    assert query.qtype == HINFO
    answer = Loops(KEY).recognise(query, 0.0)
    assert answer
    message = parse(b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + query.question + answer.body)
    assert len(message.rr) == 1
    assert probe.came_back(answer.body)
    assert answer.ttl == 0


def test_others_neither_recognise_nor_prove() -> None:
    """Another installation passes a probe on like any query, and no other answer is taken for a proof."""
    probe, other = Loops(KEY).make_probe(0.0), Loops(b"x" * 16).make_probe(0.0)
    assert probe
    assert other
    query = Query(b"\0\7" + probe.packet)
    assert Loops(b"x" * 16).recognise(query, 0.0) is None
    assert Loops(b"").recognise(query, 0.0) is None
    answer = Loops(KEY).recognise(query, 0.0)
    assert answer
    assert not other.came_back(answer.body)
    assert not probe.came_back(respond(b"\0\7" + probe.packet, rcode=3))


def test_probes_differ() -> None:
    """No probe is like another; without a key there is none."""
    probes = [Loops(KEY).make_probe(0.0) for _ in range(100)]
    assert len({probe.question for probe in probes if probe}) == 100
    assert Loops(b"").make_probe(0.0) is None


@given(NAMES)
def test_nothing_else_is_a_probe(labels: tuple[bytes, ...]) -> None:
    """Whatever clients ask for is no probe."""
    assert Loops(KEY).recognise(Query(ask(labels, HINFO)), 0.0) is None


@given(st.from_regex(r"[0-9a-f]{32}\.[0-9a-f]{32}", fullmatch=True))
def test_guesses_are_in_vain(name: str) -> None:
    """Two labels of the right form are not enough."""
    assert Loops(KEY).recognise(Query(ask(name, HINFO)), 0.0) is None
