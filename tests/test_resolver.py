"""The hub, without sockets: what each kind of query gets, and that no shortcut answers other than the long way."""

import struct
from datetime import UTC, datetime

import pytest
from dnslib import QTYPE
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsfilter.config import Configuration
from dnsfilter.model import NEVER_BLOCK, Transport
from dnsfilter.resolver import Pending
from dnsfilter.wire.query import Query
from tests.fakes.messages import ask, edns, extended_errors, opts, parse, respond
from tests.fakes.world import Upstream, World, catalogue

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
RED, BLUE, STRANGER = "10.1.0.1", "10.2.0.1", "192.0.2.1"
RECORDS = [
    "example. 900 SOA ns.example. host.example. 1 2 3 4 60",
    "www.example. 300 A 192.0.2.7",
    "www.example. 30 TXT text",
    "shop.example. 300 CNAME e1.cdn.test.",
    "e1.cdn.test. 20 A 192.0.2.8",
    "plain.example. 300 A 198.51.100.7",
    "seen.test. 300 A 192.0.2.9",
    "alias.example. 300 CNAME www.example.",
    *(f"big.example. 300 A 192.0.2.{index}" for index in range(100)),
]
NAMES = ["www.example", "shop.example", "plain.example", "alias.example", "big.example", "listed.test", "x.seen.test"]
NAMES += ["seen.test", "nothing.example", "own.corp", "free.test", "canary.test", "WWW.Example", "."]


def world(**settings_of_world):
    """Return a world with a blocked list, one that is observed, a network, a canary and local data."""
    configuration = Configuration.model_validate(
        {
            "groups": [{"name": "red", "networks": ["10.1.0.0/16"]}, {"name": "blue", "networks": ["10.2.0.0/16"]}],
            "blocklists": [{"name": "banned", "file": "x.yaml"}, {"name": "watched", "file": "y.yaml"}],
            "policies": [
                {"name": "ban", "blocklists": ["banned"], "groups": ["red"], "phases": {"enforce": "2023-01-01"}},
                {"name": "watch", "blocklists": ["watched"], "phases": {"observe": "2023-01-01"}},
            ],
            "records": ["own.corp. 300 A 10.9.9.9"],
            **settings_of_world,
        }
    )
    web = {"role": "web", "grade": "weak"}
    lists = [
        catalogue(
            "banned",
            {
                "entries": [{"suffix": "listed.test", **web}, {"suffix": "cdn.test", **web}],
                "networks": [{"cidr": "198.51.100.0/24"}],
            },
        ),
        catalogue("watched", {"entries": [{"suffix": "seen.test", **web}]}),
        catalogue("canaries", {"entries": [{"exact": "canary.test", "role": "canary", "grade": "none"}]}),
        catalogue(NEVER_BLOCK, {"entries": [{"suffix": "free.test", **web}]}, passthru=True),
    ]
    return World(configuration, lists, Upstream(RECORDS), NOW)


def outcomes(batch):
    """Return what was counted of responses."""
    return {key[1:]: count for key, count in batch.counters.items() if key[0] == "responses" and count}


def without_id(message):
    """Return a message behind its ID."""
    return message and message[2:]


QUERIES = st.builds(
    ask,
    st.sampled_from(NAMES),
    st.sampled_from(["A", "AAAA", "TXT", "HTTPS", "ANY", "CNAME", "AXFR"]),
    identifier=st.integers(0, 0xFFFF),
    flags=st.sampled_from([0x0100, 0x0000, 0x0110, 0x0120]),
    qclass=st.sampled_from([1, 1, 1, 3]),
    opt=st.sampled_from([None, edns(), edns(512), edns(4096, do=True), edns(version=1)]),
)
CLIENTS = st.sampled_from([RED, BLUE, "10.3.0.1", STRANGER])
STEPS = st.lists(st.tuples(QUERIES, CLIENTS, st.integers(0, 40)), min_size=1, max_size=12)


@given(STEPS)
@settings(max_examples=150)
def test_memo_answers_as_the_long_way(steps):
    """Whatever was asked before by whomever, the memo gives each client the octets that the long way gives."""
    fast, slow = world(), world()
    for message, client, seconds in steps:
        for one in (fast, slow):
            one.move_to(one.now + seconds)
        for _ in range(2):
            assert without_id(fast.ask(client, message)) == without_id(slow.ask(client, message, memo=False))


@given(STEPS)
def test_memo_counts_as_the_long_way(steps):
    """Sightings and responses are the same whether the memo answers or not, each with its own client and group."""
    fast, slow = world(), world()
    for message, client, seconds in steps:
        for one, memo in ((fast, True), (slow, False)):
            one.move_to(one.now + seconds)
            one.ask(client, message, memo=memo)
    ours, theirs = fast.drain(), slow.drain()
    assert outcomes(ours) == outcomes(theirs)
    assert {(s.client, s.group, s.rule, s.action, s.count) for s in ours.sightings} == {
        (s.client, s.group, s.rule, s.action, s.count) for s in theirs.sightings
    }


@given(QUERIES, CLIENTS, st.sampled_from([Transport.UDP, Transport.TCP]))
def test_every_response(message, client, transport):
    """Every response repeats ID and question, claims neither AD nor AA for others' data, and fits the client."""
    query = Query(message)
    answer = world().ask(client, message, transport)
    response = parse(answer)
    assert response.header.id == query.id
    assert response.header.qr
    assert answer[12 : 12 + len(query.question)] == query.question
    if client == STRANGER:
        assert response.header.rcode == 5
        assert len(answer) <= len(message) or transport is Transport.TCP  # no use for an attack by reflection
        assert extended_errors(response) == [(18, "")] * (query.has_edns and transport is Transport.TCP)
        return
    assert not response.header.ad
    is_ours = query.name == "own.corp" and query.qclass == 1 and query.version <= 0 and query.qtype < 250
    assert response.header.aa == is_ours
    assert response.header.ra
    assert len(opts(response)) == query.has_edns
    assert len(answer) <= query.payload or transport is Transport.TCP
    if response.header.tc:
        assert (transport, response.rr) == (Transport.UDP, [])


def since(query):
    """Return a query with the SOA that its client has, as for an incremental transfer (RFC 1995 section 3)."""
    end = 12 + len(Query(query).question)
    soa = b"\xc0\x0c\0\6\0\1\0\0\0\0\0\x16\0\0" + bytes(20)
    return query[:9] + b"\1" + query[10:end] + soa + query[end:]


@pytest.mark.parametrize(
    ("message", "rcode"),
    [
        (b"", None),
        (b"\x12\x34\1\0\0\1\0\0\0\0\0", None),
        (respond(ask("www.example")), None),  # a response is never answered
        (ask("www.example", flags=0x2000), 4),  # NOTIFY
        (ask("www.example", flags=0x2800), 4),  # UPDATE
        (ask("www.example")[:12], 1),
        (ask("www.example")[:-1], 1),
        (ask("www.example") + b"x", 1),
        (ask("version.bind", "TXT", qclass=3), 5),
        (ask("www.example", qclass=255), 5),
        (ask("example", "AXFR"), 5),
        (ask("example", "IXFR"), 5),
        (since(ask("example", "IXFR")), 5),
        (since(ask("example", "IXFR", opt=edns())), 5),
        (since(ask("example", "IXFR"))[:-1], 1),
        (since(ask("example")), 1),
        (ask("example", 249), 5),  # TKEY
        (ask("example", "TSIG"), 5),
        (ask("example", 41), 5),  # OPT is no type to ask for
        (ask("example", 253), 5),
    ],
)
def test_what_we_do_not_do(message, rcode):
    """Silence, FORMERR, NOTIMP or REFUSED, and no upstream is asked."""
    made = world()
    answer = made.ask(RED, message)
    assert (parse(answer).header.rcode if answer else None) == rcode
    assert made.upstream.asked == []
    assert sum(outcomes(made.drain()).values()) == (answer is not None)


def test_unknown_version_of_edns():
    """RFC 6891 section 6.1.3: BADVERS, with the version that we know."""
    response = parse(world().ask(RED, ask("www.example", opt=edns(version=1))))
    (opt,) = opts(response)
    assert (response.header.rcode, opt.ttl >> 24, opt.ttl >> 16 & 0xFF) == (0, 1, 0)


def test_any():
    """RFC 8482: one synthesized record for names that are not listed, without asking; listed ones stay blocked."""
    made = world()
    (record,) = parse(made.ask(RED, ask("www.example", "ANY"))).rr
    assert (record.rtype, bytes(record.rdata.data)) == (13, b"\x07RFC8482\0")
    assert parse(made.ask(RED, ask("listed.test", "ANY"))).rr == []
    assert parse(made.ask(BLUE, ask("x.seen.test", "ANY"))).rr[0].rtype == 13
    assert made.upstream.asked == []
    batch = made.drain()
    assert {(sighting.client, sighting.action) for sighting in batch.sightings} == {
        (RED, "sinkhole"),
        (BLUE, "observe"),
    }


def test_truncates_for_a_datagram_only():
    """What does not fit 512 octets, or what the client's EDNS says, comes over TCP in full."""
    made = world()
    short, full = made.ask(RED, ask("big.example")), made.ask(RED, ask("big.example"), Transport.TCP)
    assert parse(short).header.tc
    assert len(parse(full).rr) == 100
    assert parse(made.ask(RED, ask("big.example"))).header.tc
    assert parse(made.ask(RED, ask("big.example", opt=edns(4096)))).header.tc  # more than fits every path


def test_remembers_that_a_datagram_is_too_small():
    """The memo answers with TC while the answer lives; a connection that sends the same octets gets all of it."""
    made, query = world(), ask("big.example", opt=edns())
    made.ask(RED, query)
    made.ask(RED, query)
    seat = made.resolver.seats.take(b"\x0a\1\0\1", NOW)
    entry = seat.entries[query[2:]]
    assert parse(made.ask(RED, query)).header.tc
    assert entry.hits == 1
    assert entry.refresh(NOW + 299)
    assert not entry.refresh(NOW + 300)
    assert seat.recall(query[2:], NOW) is None
    full = parse(made.ask(RED, query, Transport.TCP))
    assert (full.header.tc, len(full.rr)) == (0, 100)
    assert parse(made.ask(RED, query)).header.tc


def test_a_connection_never_leaves_in_the_memo_what_a_datagram_cannot_carry():
    """The same octets over UDP get TC although they got all of it over TCP."""
    made, query = world(), ask("big.example")
    for _ in range(3):
        assert len(parse(made.ask(RED, query, Transport.TCP)).rr) == 100
    assert parse(made.ask(RED, query)).header.tc


def test_answer_that_no_transport_carries():
    """An answer that our own OPT makes longer than 65,535 octets is truncated, not an error."""
    made = world()
    query = ask("www.example", opt=edns())
    pending = made.resolver.receive(query, made.resolver.seats.take(b"\x0a\1\0\1", NOW), Transport.TCP, NOW)
    head = query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + pending.query.question + b"\xc0\x0c\0\x0a\0\1\0\0\0\5"
    for size, is_truncated in ((65_535, True), (65_525, True), (65_524, False)):
        room = size - len(head) - 2
        answer = made.resolver.accept(pending.query, head + struct.pack("!H", room) + bytes(room), NOW)
        assert bool(made.resolver.finish(pending, answer, NOW)[2] & 2) is is_truncated


@pytest.mark.parametrize(("do", "ad", "expected"), [(False, False, False), (True, False, True), (False, True, True)])
def test_authenticated_data(do, ad, expected):
    """RFC 6840 section 5.7: AD is for those who set DO or AD, and only where the upstream has validated."""
    made = world()
    query = ask("www.example", flags=0x0120 if ad else 0x0100, opt=edns(do=do))
    seat = made.resolver.seats.take(b"\x0a\1\0\1", NOW)
    pending = made.resolver.receive(query, seat, Transport.UDP, NOW)
    message = respond(query, ["www.example. 300 A 192.0.2.7"], flags=0x81A0)
    answer = made.resolver.accept(pending.query, message, NOW)
    assert parse(made.resolver.finish(pending, answer, NOW)).header.ad == expected
    assert parse(made.ask(RED, query)).header.ad == expected
    assert not parse(made.resolver.fail(pending, NOW + 1000)).header.ad  # RFC 8767: stale data is not fresh evidence


def test_rate_limit():
    """Beyond its burst a client gets its rate, not nothing, however fast it asks."""
    made = world(rate_limit={"per_client_qps": 10, "burst": 5})
    query, answered = ask("own.corp"), 0
    for step in range(2000):
        made.move_to(NOW + step / 1000)
        response = made.ask(RED, query)
        answered += bool(response and not parse(response).header.tc)
    assert 5 + 18 <= answered <= 5 + 21
    assert parse(made.ask(BLUE, query)).header.rcode == 0
    counted = outcomes(made.drain())
    assert counted["ratelimited", "REFUSED"] + counted["ratelimited", "NOERROR"] == 2000 - answered


@pytest.mark.parametrize("slip", [0, 1, 3])
def test_over_the_limit(slip):
    """Over UDP every so many-th query gets the question back, truncated, and the rest nothing; no answer is longer."""
    made = world(rate_limit={"per_client_qps": 1, "burst": 1, "slip": slip})
    query = ask("own.corp", opt=edns())
    responses = [made.ask(RED, query) for _ in range(13)][1:]
    assert sum(response is not None for response in responses) == (12 // slip if slip else 0)
    for response in filter(None, responses):
        header = parse(response).header
        assert (header.tc, header.rcode, header.q, header.a, header.auth) == (1, 0, 1, 0, 0)
        assert len(response) <= len(query)


def test_a_forger_cannot_spend_what_connections_may_ask():
    """However much comes over UDP under its address, a client that connects gets its rate, and then REFUSED."""
    made = world(rate_limit={"per_client_qps": 1, "burst": 5})
    query, address = ask("own.corp"), bytes([10, 1, 0, 1])
    for _ in range(20):
        made.ask(RED, query)
    seat = made.resolver.seats.take_proven(address, made.now)
    rcodes = []
    for _ in range(7):
        seat.tokens -= 1
        rcodes.append(parse(made.resolver.receive(query, seat, Transport.TCP, made.now)).header.rcode)
    assert rcodes == [0, 0, 0, 0, 0, 5, 5]


def test_no_rate_limit():
    """0 means none."""
    made = world(rate_limit={"per_client_qps": 0, "burst": 1})
    assert all(parse(made.ask(RED, ask("own.corp"))).header.rcode == 0 for _ in range(100))


@pytest.mark.interpreted
def test_exception_in_one_query_is_caught(monkeypatch):
    """What nobody expected is SERVFAIL for this query, at both borders."""
    made = world()
    pending = made.resolver.receive(
        ask("www.example"), made.resolver.seats.take(b"\x0a\1\0\1", NOW), Transport.UDP, NOW
    )
    answer = made.resolver.accept(pending.query, respond(ask("www.example")), NOW)
    monkeypatch.setattr(made.resolver, "_judge", None)
    assert parse(made.resolver.finish(pending, answer, NOW)).header.rcode == 2
    monkeypatch.setattr(made.resolver, "cache", None)
    assert parse(made.ask(RED, ask("x.example"))).header.rcode == 2


def test_stale_says_so():
    """RFC 8914 section 4.4 and 4.23: Stale Answer, and No Reachable Authority where there is none."""
    made = world()
    made.ask(RED, ask("www.example"))
    made.upstream.is_down = True
    made.move_to(NOW + 400)
    assert extended_errors(parse(made.ask(RED, ask("www.example", opt=edns())))) == [(3, "")]
    assert extended_errors(parse(made.ask(RED, ask("other.example", opt=edns())))) == [(22, "")]


def test_stale_answer_that_leads_to_a_listed_name_is_blocked():
    """A stale answer is judged like a fresh one."""
    made = world()
    made.ask(BLUE, ask("shop.example"))
    made.upstream.is_down = True
    made.move_to(NOW + 400)
    assert [str(rr.rdata) for rr in parse(made.ask(RED, ask("shop.example"))).rr] == ["127.0.0.1"]
    assert [rr.rtype for rr in parse(made.ask(BLUE, ask("shop.example"))).rr] == [QTYPE.CNAME, QTYPE.A]


def test_policy_of_those_who_wait():
    """Two clients that wait for the same answer are each decided by their own view."""
    made = world()
    waiting = [
        made.resolver.receive(ask("shop.example"), made.resolver.seats.take(address, NOW), Transport.UDP, NOW)
        for address in (b"\x0a\1\0\1", b"\x0a\2\0\1")
    ]
    assert all(isinstance(pending, Pending) for pending in waiting)
    answer = made.resolver.accept(waiting[0].query, made.upstream.answer(ask("shop.example")), NOW)
    red, blue = (parse(made.resolver.finish(pending, answer, NOW)) for pending in waiting)
    assert [str(rr.rdata) for rr in red.rr] == ["127.0.0.1"]
    assert [str(rr.rdata) for rr in blue.rr] == ["e1.cdn.test.", "192.0.2.8"]


def test_label_with_a_dot_is_not_the_listed_name():
    """The one label `listed.test` is another name than the two labels that are listed."""
    made = world()
    made.ask(RED, ask((b"listed.test",)))
    assert outcomes(made.drain()) == {("resolved", "NXDOMAIN"): 1}
