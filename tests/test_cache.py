"""How long answers live, what is not kept, what a denial covers, and who goes when there is no room."""

import struct
from dataclasses import dataclass, field

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.cache import MAX_SECOND_CHANCES, OVERHEAD, Cache, find_due
from dnsfilter.settings.resolver import Cache as Bounds
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer, build_response
from tests.fakes.messages import ask, edns, respond

QUERY = ask("a.example")
QUESTION_SIZE = len(Query(QUERY).question)
KEY = Query(QUERY).key
OTHER = Query(ask("b.example")).key
SOA = "example. 900 SOA ns.example. host.example. 1 2 3 4 {}"
SOA_60 = SOA.format(60)


def key_of(name, qtype="A", *, do=False, cd=False):
    """Return the key of a question."""
    return Query(ask(name, qtype, flags=0x0110 if cd else 0x0100, opt=edns(do=do))).key


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


def denial(name, now=0.0, *, answers=(), authorities=(SOA_60,), do=False):
    """Return that a name does not exist."""
    query = ask(name, opt=edns(do=do))
    return Answer(respond(query, answers, authorities, rcode=3), len(Query(query).question), now)


@pytest.mark.parametrize(
    ("asked", "is_denied"),
    [
        (key_of("gone.example", "TXT"), True),
        (key_of("GONE.example"), True),
        (key_of("a.gone.example"), True),
        (key_of("a.b.c.d.gone.example", "HTTPS"), True),
        (key_of("agone.example"), False),
        (key_of("example"), False),
        (key_of((b"x.gone", b"example")), False),
        (key_of("gone.example.net"), False),
        (key_of("a.gone.example", do=True), False),
        (key_of("a.gone.example", cd=True), False),
        (key_of("."), False),
    ],
)
def test_a_denied_name_denies_all_types_and_all_below(asked, is_denied):
    """RFC 8020 section 2, RFC 2308 section 5; only for the same DO and CD, and label by label."""
    cache = Cache(Bounds())
    cache.put(key_of("gone.example"), denial("gone.example"))
    assert len(cache) == 1
    assert bool(cache.get(asked, 1.0) or cache.get_denial(asked, 1.0)) is is_denied
    assert cache.get(asked, 60.0) is cache.get_denial(asked, 60.0) is None


def test_a_denial_behind_an_alias_covers_nothing():
    """What does not exist is the last target, not the name that was asked for."""
    cache = Cache(Bounds())
    key = key_of("a.example")
    cache.put(key, denial("a.example", answers=["a.example. 60 CNAME gone.example."]))
    assert cache.get(key, 1.0) is not None
    assert cache.get(key_of("a.example", "TXT"), 1.0) is None
    for name in ("b.a.example", "gone.example", "b.gone.example"):
        assert cache.get(key_of(name), 1.0) is cache.get_denial(key_of(name), 1.0) is None


@pytest.mark.parametrize(
    ("name", "is_denied"),
    [
        ("x.corp", True),
        ("lab.corp", False),
        ("a.lab.corp", False),
        ("xlab.corp", True),
        ("gone.lab.corp", True),
        ("a.gone.lab.corp", True),
    ],
)
def test_a_denial_ends_where_other_upstreams_know(name, is_denied):
    """What the upstreams for all names deny says nothing about names that are asked elsewhere."""
    cache = Cache(Bounds())
    cache.adopt(["lab.corp"])
    for denied in ("corp", "gone.lab.corp"):
        authorities = ["corp. 900 SOA ns.corp. host.corp. 1 2 3 4 60"]
        cache.put(key_of(denied), denial(denied, authorities=authorities))
    assert bool(cache.get(key_of(name), 1.0) or cache.get_denial(key_of(name), 1.0)) is is_denied


def test_what_exists_below_a_denied_name_stays():
    """An answer that is held is given, whatever is said of the names above it."""
    cache = Cache(Bounds())
    cache.put(KEY, positive(60))
    cache.put(key_of("example"), denial("example"))
    assert cache.get(KEY, 1.0).rcode == 0


def test_denials_cover_only_where_wanted():
    """By `nxdomain_cut: false` a denial is for its name alone."""
    cache = Cache(Bounds(nxdomain_cut=False))
    cache.put(key_of("gone.example"), denial("gone.example"))
    assert cache.get(key_of("gone.example", "TXT"), 1.0) is not None
    assert cache.get_denial(key_of("a.gone.example"), 1.0) is None


def test_a_denial_replaces_the_answer():
    """A name that no longer exists has no stale answer from when it did."""
    cache = Cache(Bounds())
    cache.put(KEY, positive(60))
    cache.put(KEY, negative(60, now=50.0))
    assert cache.get(KEY, 70.0).rcode == 3
    assert cache.get_stale(KEY, 200.0).rcode == 3
    cache.put(KEY, positive(60, now=300.0))
    assert cache.get(KEY, 301.0).rcode == 0


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


NAMES = ["example", "a.example", "b.a.example", "c.b.a.example", "d.example", "x.d.example"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "deny", "get"]),
        st.sampled_from(NAMES),
        st.sampled_from(["A", "TXT"]),
        st.booleans(),
        st.integers(1, 40),
        st.integers(0, 15),
    ),
    max_size=40,
)


@dataclass
class Model:
    """What the cache should do when there is room for all: two plain tables and a walk over text."""

    route: str
    answers: dict[tuple[str, str, bool], float] = field(default_factory=dict)
    denials: dict[tuple[str, bool], float] = field(default_factory=dict)

    def put(self, name, qtype, do, ends):
        """Note an answer."""
        self.answers[name, qtype, do] = ends

    def deny(self, name, qtype, do, ends):
        """Note that a name does not exist, which ends the answer that its question had."""
        self.answers.pop((name, qtype, do), None)
        self.denials[name, do] = ends

    def find(self, name, qtype, do, now):
        """Return the rcode that a question gets, None where nothing is known."""
        if now < self.answers.get((name, qtype, do), 0):
            return 0
        while now >= self.denials.get((name, do), 0):
            if name == self.route or "." not in name:
                return None
            name = name.partition(".")[2]
        return 3


@given(st.sampled_from([*NAMES, "elsewhere"]), STEPS)
def test_answers_as_the_model(route, steps):
    """Whatever is put, denied and asked in whatever order: each question gets what a model without tricks says."""
    cache, model, now = Cache(Bounds()), Model(route), 0.0
    cache.adopt([route])
    for action, name, qtype, do, ttl, seconds in steps:
        key = key_of(name, qtype, do=do)
        if action == "put":
            question = ask(name, qtype)
            rdata = "192.0.2.1" if qtype == "A" else "text"
            message = respond(question, [f"{name}. {ttl} {qtype} {rdata}"])
            cache.put(key, Answer(message, len(Query(question).question), now))
            model.put(name, qtype, do, now + ttl)
        elif action == "deny":
            cache.put(key, denial(name, now, authorities=[SOA.format(ttl)], do=do))
            model.deny(name, qtype, do, now + ttl)
        found = cache.get(key, now) or cache.get_denial(key, now)
        assert (found and found.rcode) == model.find(name, qtype, do, now)
        now += seconds


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


def test_a_covering_denial_stays_within_the_bound():
    """To stand behind any question a denial needs more room, for which others go."""
    cache = Cache(Bounds())
    for name in ("b.example", "gone.example"):
        cache.put(key_of(name), denial(name))
    cache = Cache(Bounds(bytes=cache.size))
    for name in ("b.example", "gone.example"):
        cache.put(key_of(name), denial(name))
    assert cache.get_denial(key_of("x.gone.example"), 1.0).is_general
    assert (len(cache), cache.get(key_of("gone.example"), 1.0).rcode) == (1, 3)


def test_what_was_put_last_is_there():
    """Making room for an answer does not drive out that answer, however wanted the others are."""
    cache = Cache(Bounds(entries=MAX_SECOND_CHANCES + 3))
    for number in range(100):
        key = key_of(f"{number}.example")
        cache.put(key, positive(60))
        assert cache.get(key, 0.0) is not None


def test_a_covering_denial_is_readable_behind_any_name():
    """The denial given for a name below is the same proof, whole, for the other codec."""
    cache = Cache(Bounds())
    cache.put(key_of("gone.example"), denial("gone.example"))
    found = cache.get_denial(key_of("some.name.gone.example"), 1.0)
    query = Query(ask("some.name.gone.example"))
    response = DNSRecord.parse(build_response(query, found.rcode, found))
    assert (response.header.rcode, len(response.auth)) == (3, 1)
    assert " ".join(response.auth[0].toZone().split()) == SOA_60.replace("SOA", "IN SOA")
