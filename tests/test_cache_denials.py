"""What a denial of a name covers, by hand and against a model, and that it is whole wherever it is given."""

from dataclasses import dataclass, field

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.cache import Cache
from dnsfilter.settings.resolver import Cache as Bounds
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer, build_response
from tests.fakes.answers import KEY, SOA, SOA_60, denial, key_of, negative, positive
from tests.fakes.messages import ask, respond


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


def test_a_covering_denial_is_readable_behind_any_name():
    """The denial given for a name below is the same proof, whole, for the other codec."""
    cache = Cache(Bounds())
    cache.put(key_of("gone.example"), denial("gone.example"))
    found = cache.get_denial(key_of("some.name.gone.example"), 1.0)
    query = Query(ask("some.name.gone.example"))
    response = DNSRecord.parse(build_response(query, found.rcode, found))
    assert (response.header.rcode, len(response.auth)) == (3, 1)
    assert " ".join(response.auth[0].toZone().split()) == SOA_60.replace("SOA", "IN SOA")
