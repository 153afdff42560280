"""How long answers live, what is not kept, and who goes when there is no room."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.cache import MAX_SECOND_CHANCES, OVERHEAD, Cache, find_due
from dnsfilter.settings.resolver import Cache as Bounds
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.answers import KEY, OTHER, QUERY, QUESTION_SIZE, SOA, denial, key_of, negative, positive
from tests.fakes.messages import ask, respond


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        (positive(60), 60),
        (positive(1), 5),
        (positive(5000), 1000),
        (negative(60), 60),
        (negative(900), 100),
        (negative(900, 0), 100),
        (negative(900, 3, answers=["a.example. 800 CNAME b.example."]), 100),
        (negative(1), 5),
    ],
)
def test_lives_as_long_as_its_ttl_within_bounds(answer, life):
    """An answer is there until its TTL, at least `min_ttl` and at most the ceiling of its kind, then only stale."""
    cache = Cache(Bounds(entries=10, min_ttl=5, max_ttl=1000, max_negative_ttl=100))
    cache.put(KEY, answer)
    assert cache.get(KEY, life - 0.001) is answer
    assert cache.get(KEY, life) is None
    assert cache.get_stale(KEY, life + 86_399) is answer
    assert cache.get_stale(KEY, life + 86_400) is None
    assert cache.get(OTHER, 0.0) is None


@pytest.mark.parametrize("answer", [positive(0), positive(0x80000000), negative(0), negative(60, 2), negative(60, 5)])
def test_what_is_not_kept(answer):
    """TTL 0, and failures."""
    cache = Cache(Bounds())
    cache.put(KEY, answer)
    assert len(cache) == 0
    assert cache.get_stale(KEY, 0.0) is None


def test_no_cache():
    """With room for no entries nothing is kept, and nothing fails."""
    cache = Cache(Bounds(entries=0))
    cache.put(KEY, positive(60))
    assert len(cache) == 0


def test_other_bounds():
    """What is too much under other bounds goes at once, the least wanted first; the rest ends when it was to."""
    cache = Cache(Bounds(entries=3))
    keys = [key_of(name) for name in ("a", "b", "c")]
    for key in keys:
        cache.put(key, positive(60))
    cache.get(keys[0], 1.0)
    cache.limit(Bounds(entries=1, max_ttl=10))
    assert [bool(cache.get(key, 59.0)) for key in keys] == [True, False, False]
    cache.put(keys[0], positive(60))
    assert [bool(cache.get(keys[0], now)) for now in (9.0, 10.0)] == [True, False]
    cache.limit(Bounds(bytes=0))
    assert (len(cache), cache.size) == (0, 0)
    cache.put(keys[0], positive(60))
    assert len(cache) == 0


def test_newer_answer_takes_the_place():
    """A question has one answer, the last."""
    cache = Cache(Bounds(entries=2))
    newer = positive(60, now=30.0)
    cache.put(KEY, positive(60))
    cache.put(KEY, newer)
    assert len(cache) == 1
    assert cache.get(KEY, 89.0) is newer


def test_what_is_asked_for_stays():
    """When there is no room, what was asked for again outlives what was not."""
    cache = Cache(Bounds(entries=3))
    keys = [key_of(name) for name in ("a", "b", "c", "d")]
    for key in keys[:3]:
        cache.put(key, positive(60))
    cache.get(keys[0], 1.0)
    cache.put(keys[3], positive(60))
    assert [cache.get(key, 2.0) is not None for key in keys] == [True, False, True, True]


def read_ttls(answer):
    """Return all TTLs of an answer."""
    return [struct.unpack_from("!I", answer.body, offset)[0] for offset in answer.ttls]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["a.example. 1 A 192.0.2.1", "a.example. 5000 A 192.0.2.2"], [5, 1000]),
        (["a.example. 900 A 192.0.2.1"], [900]),
        (["a.example. 60 A 192.0.2.1", "a.example. 4294967295 A 192.0.2.2"], [60, 0]),
        (["a.example. 0 A 192.0.2.1", "a.example. 5000 A 192.0.2.2"], [0, 1000]),
        (["a.example. 800 CNAME b.example."], [100, 100]),
    ],
)
def test_clients_keep_nothing_longer_than_we(answers, expected):
    """TTLs that are passed on are within the bounds too; what must not be cached stays so."""
    cache = Cache(Bounds(min_ttl=5, max_ttl=1000, max_negative_ttl=100))
    soa = [SOA.format(700)] if len(expected) > len(answers) else []
    answer = Answer(respond(QUERY, answers, soa), QUESTION_SIZE, 0.0)
    cache.put(KEY, answer)
    assert read_ttls(answer) == expected


@pytest.mark.parametrize(
    ("authorities", "rcode"),
    [
        ([], 3),
        ([], 0),
        (["example. 900 NS ns.example."], 0),
        (["other. 900 SOA ns.other. host.other. 1 2 3 4 60"], 3),
        (["b.a.example. 900 SOA ns.other. host.other. 1 2 3 4 60"], 3),
        (["ample. 900 SOA ns.other. host.other. 1 2 3 4 60"], 0),
    ],
)
def test_denials_without_their_own_soa_are_not_kept(authorities, rcode):
    """RFC 2308 section 5: no SOA, no caching; the SOA of a zone that the name is not in is none."""
    cache = Cache(Bounds())
    cache.put(KEY, Answer(respond(QUERY, [], authorities, rcode=rcode), QUESTION_SIZE, 0.0))
    assert len(cache) == 0


def test_other_names_in_a_response_answer_nothing():
    """Threat 34: authority and additional records for other names are part of one answer, never answers themselves."""
    cache = Cache(Bounds())
    extra = ["bank.example. 900 A 198.51.100.66", "ns.example. 900 A 198.51.100.66"]
    message = respond(QUERY, ["a.example. 900 A 192.0.2.1"], ["bank.example. 900 NS ns.example."], extra)
    cache.put(KEY, Answer(message, QUESTION_SIZE, 0.0))
    assert len(cache) == 1
    for name, qtype in (("bank.example", "A"), ("ns.example", "A"), ("bank.example", "NS"), ("example", "A")):
        assert cache.get(key_of(name, qtype), 1.0) is None
        assert cache.get_stale(key_of(name, qtype), 1.0) is None


@pytest.mark.parametrize(("stale", "until"), [("0s", 60), ("30s", 90), ("3d", 60 + 3 * 86_400)])
def test_stale_for_as_long_as_configured(stale, until):
    """`stale` is how long after its end an answer may still be given."""
    cache = Cache(Bounds(stale=stale))
    cache.put(KEY, positive(60))
    assert bool(cache.get_stale(KEY, 60)) is (until > 60)
    assert cache.get_stale(KEY, until - 0.1) is not None
    assert cache.get_stale(KEY, until) is None


def test_due_in_the_last_tenth_once():
    """An answer should be renewed when asked for near its end, unless that was seen to, or nobody wants it."""
    cache, answer = Cache(Bounds()), positive(100)
    cache.put(KEY, answer)
    assert find_due(answer) == 90
    assert [cache.is_due(answer, now) for now in (0, 89.9, 90, 99)] == [False, False, True, True]
    answer.is_renewed = True
    assert not cache.is_due(answer, 95)
    assert not Cache(Bounds(prefetch=False)).is_due(positive(100), 95)


def test_a_huge_answer_is_one_entry_of_bounded_size():
    """Threat 37: 64 KB of answers count for what they are, and drive out no more than their size."""
    cache = Cache(Bounds(bytes=200_000))
    for number in range(100):
        cache.put(key_of(f"n{number}.example"), positive(60))
    huge = Answer(respond(QUERY, [f"a.example. 60 A 192.0.2.{n % 250}" for n in range(4000)]), QUESTION_SIZE, 0.0)
    assert len(huge.body) > 60_000
    cache.put(KEY, huge)
    assert len(cache) == 0 or cache.size <= 200_000
    cache.put(OTHER, positive(60))
    assert cache.get(OTHER, 1.0) is not None
    assert cache.size <= 200_000


def test_what_is_larger_than_the_cache_displaces_nothing():
    """An answer that has no room at all is passed on, not kept."""
    cache = Cache(Bounds(bytes=OVERHEAD + 300))
    cache.put(OTHER, positive(60))
    cache.put(KEY, Answer(respond(QUERY, [f"a.example. 60 A 192.0.2.{n}" for n in range(50)]), QUESTION_SIZE, 0.0))
    assert cache.get(OTHER, 1.0) is not None
    assert cache.get(KEY, 1.0) is None


@given(
    st.integers(1, 5),
    st.integers(OVERHEAD + 100, 5000),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 20)), max_size=60),
)
def test_is_bounded(entries, size, steps):
    """However it is used, there are never more entries or octets than allowed, and what it counts is what it holds."""
    cache = Cache(Bounds(entries=entries, bytes=size))
    for action, number, count in steps:
        name = f"{number}.example"
        key = key_of(name)
        if action == 0:
            cache.get(key, 0.0)
        elif action == 1:
            cache.get_denial(key_of(f"x.{name}"), 0.0)
        elif action == 2:
            cache.put(key, denial(name))
        else:
            question = ask(name)
            message = respond(question, [f"{name}. 60 A 192.0.2.{n}" for n in range(count)])
            cache.put(key, Answer(message, len(Query(question).question), 0.0))
        assert len(cache) <= entries
        assert (len(cache) > 0) == (cache.size > 0)
        assert len(cache) * OVERHEAD <= cache.size <= size


def test_a_newer_answer_that_is_larger_makes_room():
    """What takes the place of an answer and needs more drives out others, so that the bound holds."""
    names = [f"{number}.example" for number in range(4)]
    answers = [_addresses(name, 1) for name in names]
    cache = Cache(Bounds())
    for name, answer in zip(names, answers, strict=True):
        cache.put(key_of(name), answer)
    bounded = Cache(Bounds(bytes=cache.size))
    for name, answer in zip(names, answers, strict=True):
        bounded.put(key_of(name), answer)
    assert (len(bounded), bounded.size) == (4, cache.size)
    bounded.put(key_of(names[0]), _addresses(names[0], 20))
    assert bounded.size <= cache.size
    assert bounded.get(key_of(names[0]), 0.0).answers == 20


def _addresses(name, count):
    question = ask(name)
    message = respond(question, [f"{name}. 60 A 192.0.2.{number}" for number in range(count)])
    return Answer(message, len(Query(question).question), 0.0)


def test_what_was_put_last_is_there():
    """Making room for an answer does not drive out that answer, however wanted the others are."""
    cache = Cache(Bounds(entries=MAX_SECOND_CHANCES + 3))
    for number in range(100):
        key = key_of(f"{number}.example")
        cache.put(key, positive(60))
        assert cache.get(key, 0.0) is not None
