"""What the hub makes of its cache: denials that cover, answers near and beyond their end, failures, stray records."""

from datetime import UTC, datetime

import pytest
from dnslib import QTYPE

from dnsfilter.config import Configuration
from dnsfilter.model import Transport
from dnsfilter.resolver import Pending
from dnsfilter.settings.resolver import Cache as Bounds
from tests.fakes.messages import ask, edns, extended_errors, parse, respond
from tests.fakes.world import Upstream, World, catalogue

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
CLIENT = "10.1.0.1"
SOA = "example. 900 SOA ns.example. host.example. 1 2 3 4 60"
RECORDS = [SOA, "www.example. 300 A 192.0.2.7", "www.lab.example. 300 A 192.0.2.8"]


def world(records=RECORDS, **settings_of_world):
    """Return a world with a route, a name of its own, and a list."""
    configuration = Configuration.model_validate(
        {
            "blocklists": [{"name": "banned", "file": "x.yaml"}],
            "policies": [{"name": "ban", "blocklists": ["banned"], "phases": {"enforce": "2023-01-01"}}],
            "records": ["own.gone.example. 300 A 10.9.9.9"],
            "upstreams": [{"servers": ["192.0.2.1"]}, {"servers": ["192.0.2.2"], "domains": ["lab.gone.example"]}],
            **settings_of_world,
        }
    )
    lists = [catalogue("banned", {"entries": [{"suffix": "listed.gone.example", "role": "web", "grade": "weak"}]})]
    return World(configuration, lists, Upstream(records), NOW)


def hits(made):
    """Return what was counted of answers at hand."""
    return {key[1]: count for key, count in made.drain().counters.items() if key[0] == "cache_hits" and count}


def pend(made, message):
    """Return a query that waits for the upstream."""
    pending = made.resolver.receive(message, made.resolver.seats.take(b"\x0a\1\0\1", NOW), Transport.UDP, made.now)
    assert isinstance(pending, Pending)
    return pending


def test_a_reload_changes_the_bounds():
    """Bounds of the cache are those of the configuration in force."""
    made = world()
    for name in ("www.example", "www.lab.example"):
        made.ask(CLIENT, ask(name))
    assert len(made.resolver.cache) == 2
    made.configuration = made.configuration.model_copy(update={"cache": Bounds(entries=1)})
    made.adopt()
    assert len(made.resolver.cache) == 1


def test_a_flood_below_a_name_that_does_not_exist_stays_here():
    """RFC 8020: the upstream hears of the first query, the memo of none; each gets NXDOMAIN with the SOA."""
    made = world()
    made.ask(CLIENT, ask("gone.example"))
    for number in range(200):
        response = parse(made.ask(CLIENT, ask(f"r{number}.x.gone.example", "AAAA", opt=edns())))
        assert response.header.rcode == 3
        assert [(str(rr.rname), rr.rtype, rr.ttl) for rr in response.auth] == [("example.", QTYPE.SOA, 900)]
    assert len(made.upstream.asked) == 1
    assert len(made.resolver.cache) == 1
    (memo,) = [memo for _, memo in made.resolver.seats.memos()]
    assert memo.entries == {}
    assert hits(made) == {"nxdomain": 200}


def test_a_covering_denial_ages():
    """What clients are told lives no longer than the denial itself."""
    made = world()
    made.ask(CLIENT, ask("gone.example"))
    made.move_to(NOW + 50)
    assert parse(made.ask(CLIENT, ask("a.gone.example"))).auth[0].ttl == 850
    made.move_to(NOW + 60)
    made.ask(CLIENT, ask("a.gone.example"))
    assert made.upstream.asked[1:] == ["a.gone.example. A"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("own.gone.example", "10.9.9.9"),
        ("a.listed.gone.example", "127.0.0.1"),
        ("a.lab.gone.example", "192.0.2.9"),
        ("lab.gone.example", "192.0.2.9"),
    ],
)
def test_a_denial_does_not_cover_what_is_answered_elsewhere(name, expected):
    """Our own records, the policy, and the names that other upstreams are asked for come first."""
    made = world([*RECORDS, "a.lab.gone.example. 60 A 192.0.2.9", "lab.gone.example. 60 A 192.0.2.9"])
    made.resolver.accept(pend(made, ask("gone.example")).query, respond(ask("gone.example"), [], [SOA], rcode=3), NOW)
    assert parse(made.ask(CLIENT, ask("x.gone.example"))).header.rcode == 3
    assert [str(rr.rdata) for rr in parse(made.ask(CLIENT, ask(name))).rr] == [expected]


def test_no_cut_where_none_is_wanted():
    """By `nxdomain_cut: false` every name is asked for."""
    made = world(cache={"nxdomain_cut": False})
    for name in ("gone.example", "a.gone.example", "b.gone.example"):
        assert parse(made.ask(CLIENT, ask(name))).header.rcode == 3
    assert len(made.upstream.asked) == 3


@pytest.mark.parametrize("hits_before", [0, 1, 5])
def test_whoever_asks_near_the_end_has_the_answer_renewed(hits_before):
    """Whether the memo or the cache answers, the query is to be asked anew, once."""
    made, query = world(), ask("www.example", identifier=7, opt=edns())
    made.ask(CLIENT, query)
    for _ in range(hits_before):
        made.ask(CLIENT, query)
    assert list(made.resolver.cache.take_due(made.now)) == []
    made.move_to(NOW + 271)
    for _ in range(3):
        assert parse(made.ask(CLIENT, query)).rr[0].ttl == 29
    (renewed,) = made.resolver.cache.take_due(made.now)
    assert (renewed.name, renewed.qtype, renewed.do) == ("www.example", QTYPE.A, False)
    made.ask(CLIENT, query)
    assert list(made.resolver.cache.take_due(made.now)) == []


def test_two_spellings_renew_one_answer():
    """Two entries of the memo that stand for one answer cause one query."""
    made = world()
    for _ in range(3):
        made.ask(CLIENT, ask("www.example"))
        made.ask(CLIENT, ask("WWW.example"))
    made.move_to(NOW + 280)
    made.ask(CLIENT, ask("www.example"))
    made.ask(CLIENT, ask("WWW.example"))
    assert len(list(made.resolver.cache.take_due(made.now))) == 1


def test_no_renewal_where_none_is_wanted():
    """By `prefetch: false` answers just end."""
    made = world(cache={"prefetch": False})
    for seconds in (0, 1, 299):
        made.move_to(NOW + seconds)
        made.ask(CLIENT, ask("www.example"))
    assert list(made.resolver.cache.take_due(made.now)) == []


def test_a_stale_denial_says_so():
    """RFC 8914 section 4.20, and RFC 8767 for names that did not exist."""
    made = world()
    made.ask(CLIENT, ask("gone.example"))
    made.upstream.is_down = True
    made.move_to(NOW + 100)
    response = parse(made.ask(CLIENT, ask("gone.example", opt=edns())))
    assert (response.header.rcode, extended_errors(response)) == (3, [(19, "")])


def test_no_stale_answers_where_none_are_wanted():
    """By `stale: 0s` an answer that has ended is none."""
    made = world(cache={"stale": "0s"})
    made.ask(CLIENT, ask("www.example"))
    made.upstream.is_down = True
    made.move_to(NOW + 301)
    response = parse(made.ask(CLIENT, ask("www.example", opt=edns())))
    assert (response.header.rcode, extended_errors(response)) == (2, [(22, "")])


def test_failures_are_held():
    """RFC 9520: a question that failed is answered by SERVFAIL with EDE 13 for a while, and is then asked again."""
    made = world()
    made.upstream.is_down = True
    query = ask("www.example", opt=edns())
    assert extended_errors(parse(made.ask(CLIENT, query))) == [(22, "")]
    for _ in range(10):
        assert extended_errors(parse(made.ask(CLIENT, query))) == [(13, "")]
    assert len(made.upstream.asked) == 1
    assert hits(made) == {"failure": 10}
    made.move_to(NOW + 1)
    made.upstream.is_down = False
    assert [str(rr.rdata) for rr in parse(made.ask(CLIENT, query)).rr] == ["192.0.2.7"]


@pytest.mark.parametrize(
    "answers",
    [
        ["www.example. 60 CNAME www.example."],
        ["www.example. 60 CNAME a.test.", "a.test. 60 CNAME www.example."],
        [f"{'www' if n == 0 else f'n{n}'}.example. 60 CNAME n{n + 1}.example." for n in range(50)],
        ["bank.example. 60 A 192.0.2.66"],
        ["www.example. 60 A 192.0.2.7", "bank.example. 60 A 192.0.2.66"],
    ],
)
def test_answers_that_are_none(answers):
    """Threats 34 and 35: loops, long chains and records for other names become SERVFAIL; nothing of them is kept."""
    made, query = world(), ask("www.example")
    pending = pend(made, query)
    answer = made.resolver.accept(pending.query, respond(query, answers), NOW)
    response = parse(made.resolver.finish(pending, answer, NOW))
    assert (response.header.rcode, response.rr, response.auth, response.ar) == (2, [], [], [])
    assert len(made.resolver.cache) == 0
    assert parse(made.ask(CLIENT, ask("bank.example"))).header.rcode == 3


def test_a_failure_does_not_end_what_is_held():
    """A broken answer leaves the good one for when it is all there is, even though it came later."""
    made, query = world(), ask("www.example", opt=edns())
    made.ask(CLIENT, query)
    made.move_to(NOW + 301)
    pending = pend(made, query)
    answer = made.resolver.accept(pending.query, respond(query, ["bank.example. 60 A 192.0.2.66"]), made.now)
    response = parse(made.resolver.finish(pending, answer, made.now))
    assert [str(rr.rdata) for rr in response.rr] == ["192.0.2.7"]
    assert extended_errors(response) == [(3, "")]


def test_however_many_names():
    """Threat 51: however many names are asked for, the cache stays within its octets."""
    made = world([], cache={"bytes": 50_000})
    for number in range(300):
        query = ask(f"n{number}.example")
        message = respond(query, [f"n{number}.example. 60 TXT {'x' * 200}"])
        made.resolver.accept(pend(made, query).query, message, NOW)
        made.ask(CLIENT, query)
        assert made.resolver.cache.size <= 50_000
    (memo,) = [memo for _, memo in made.resolver.seats.memos()]
    assert len(memo.entries) == 300
