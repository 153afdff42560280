"""How long answers live, what is not kept, and who goes when there is no room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.cache import STALE_WINDOW, Cache
from dnsfilter.settings.resolver import Cache as Bounds
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer
from tests.fakes.messages import ask, respond

QUERY = ask("a.example")
QUESTION_SIZE = len(Query(QUERY).question)
SOA = "example. 900 SOA ns.example. host.example. 1 2 3 4 {}"


def positive(ttl, now=0.0):
    """Return an answer with an address."""
    return Answer(respond(QUERY, [f"a.example. {ttl} A 192.0.2.1"]), QUESTION_SIZE, now)


def negative(ttl, rcode=3, now=0.0, answers=()):
    """Return a negative answer."""
    return Answer(respond(QUERY, answers, [SOA.format(ttl)], rcode=rcode), QUESTION_SIZE, now)


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
    cache.put(b"key", answer)
    assert cache.get(b"key", life - 0.001) is answer
    assert cache.get(b"key", life) is None
    assert cache.get_stale(b"key", life + STALE_WINDOW - 1) is answer
    assert cache.get_stale(b"key", life + STALE_WINDOW) is None
    assert cache.get(b"other", 0.0) is None


@pytest.mark.parametrize("answer", [positive(0), positive(0x80000000), negative(0), negative(60, 2), negative(60, 5)])
def test_what_is_not_kept(answer):
    """TTL 0, and failures."""
    cache = Cache(Bounds())
    cache.put(b"key", answer)
    assert len(cache) == 0
    assert cache.get_stale(b"key", 0.0) is None


def test_no_cache():
    """With room for no entries nothing is kept, and nothing fails."""
    cache = Cache(Bounds(entries=0))
    cache.put(b"key", positive(60))
    assert len(cache) == 0


def test_newer_answer_takes_the_place():
    """A question has one answer, the last."""
    cache = Cache(Bounds(entries=2))
    newer = positive(60, now=30.0)
    cache.put(b"key", positive(60))
    cache.put(b"key", newer)
    assert len(cache) == 1
    assert cache.get(b"key", 89.0) is newer


def test_what_is_asked_for_stays():
    """When there is no room, what was asked for again outlives what was not."""
    cache = Cache(Bounds(entries=3))
    for key in (b"a", b"b", b"c"):
        cache.put(key, positive(60))
    cache.get(b"a", 1.0)
    cache.put(b"d", positive(60))
    assert [cache.get(key, 2.0) is not None for key in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_is_bounded(entries, steps):
    """However it is used, there are never more entries than allowed, and the last put is there."""
    cache = Cache(Bounds(entries=entries))
    for is_put, number in steps:
        key = bytes([number])
        if is_put:
            cache.put(key, positive(60))
            assert cache.get(key, 0.0) is not None
        else:
            cache.get(key, 0.0)
        assert len(cache) <= entries
