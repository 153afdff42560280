"""The hub and what answers of upstreams lead to: the cases that a filter must survive, by their numbers as threats."""

from datetime import UTC, datetime

import pytest
from dnslib import CNAME, HTTPS, MX, QTYPE, RD, RR, SRV

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.config import Configuration
from dnsfilter.errors import WireError
from dnsfilter.model import NEVER_BLOCK, DnsAction, Transport
from dnsfilter.policy.engine import View
from dnsfilter.resolver import Pending
from dnsfilter.scrubber import Scrubber
from dnsfilter.settings.order import Blocklist
from tests.fakes.messages import ask, edns, extended_errors, parse, respond
from tests.fakes.world import Upstream, World, catalogue

NOW = datetime(2024, 6, 1, tzinfo=UTC).timestamp()
CLIENT = "10.1.0.1"
SINKHOLE = "127.0.0.1"
ECH = RR("www.example", QTYPE.HTTPS, ttl=300, rdata=HTTPS(1, [], [(1, b"\2h2"), (5, b"config")]))
SIGNATURE = RR("www.example", QTYPE.RRSIG, ttl=300, rdata=RD(b"\0A" + bytes(16) + b"\7example\0signature"))


def world(answer="sinkhole", ech="keep", **settings):
    """Return a world with one list in force, and a name that is never blocked."""
    configuration = Configuration.model_validate(
        {
            "blocklists": [{"name": "banned", "file": "x.yaml"}],
            "policies": [
                {
                    "name": "ban",
                    "blocklists": ["banned"],
                    "phases": {"enforce": "2023-01-01"},
                    "answer": answer,
                    "ech": ech,
                }
            ],
            "allow": [{"name": "freed.example", "reason": "needed"}],
            **settings,
        }
    )
    web = {"role": "web", "grade": "weak"}
    lists = [
        catalogue(
            "banned",
            {"entries": [{"suffix": "listed.test", **web}], "networks": [{"cidr": "198.51.100.0/24"}]},
        ),
        catalogue(NEVER_BLOCK, {"entries": [{"suffix": "free.test", **web}]}, passthru=True),
    ]
    return World(configuration, lists, Upstream(), NOW)


def answered(made, query, answers=(), additionals=(), *, rcode=0, client=CLIENT, now=NOW):
    """Return what a client gets when the upstream answers its query like this, and what is kept for the next."""
    seat = made.resolver.seats.take(bytes(map(int, client.split("."))), now)
    pending = made.resolver.receive(query, seat, Transport.UDP, now)
    assert isinstance(pending, Pending)
    answer = made.resolver.accept(pending.query, respond(query, answers, additionals=additionals, rcode=rcode), now)
    return parse(made.resolver.finish(pending, answer, now))


def data(response):
    """Return the data of the answer section."""
    return [str(rr.rdata) for rr in response.rr]


def counted(made, *key):
    """Return the value of a counter since the last time."""
    return made.drain().counters.get(key, 0)


CHAIN = [f"a{index}.example. 60 CNAME a{index + 1}.example." for index in range(8)]


@pytest.mark.parametrize(
    ("qtype", "answers"),
    [
        ("A", ["www.example. 60 CNAME t.listed.test.", "t.listed.test. 60 A 192.0.2.1"]),
        ("A", ["www.example. 60 CNAME a0.example.", *CHAIN, "a8.example. 60 CNAME listed.test."]),
        ("A", ["www.example. 60 CNAME x.example.", "x.example. 60 A 198.51.100.7"]),
        ("AAAA", ["www.example. 60 CNAME LISTED.test."]),
        ("A", [RR("example", QTYPE.DNAME, ttl=60, rdata=RD(b"\6listed\4test\0"))]),
        ("HTTPS", [RR("www.example", QTYPE.HTTPS, ttl=60, rdata=HTTPS(0, [b"listed", b"test"], []))]),
        ("HTTPS", [RR("www.example", QTYPE.HTTPS, ttl=60, rdata=HTTPS(1, [b"listed", b"test"], [(1, b"\2h2")]))]),
        ("HTTPS", [RR("www.example", QTYPE.HTTPS, ttl=60, rdata=HTTPS(1, [], [(4, b"\xc6\x33\x64\7")]))]),
        (64, [RR("www.example", 64, ttl=60, rdata=HTTPS(1, [], [(4, b"\xc0\0\2\1\xc6\x33\x64\7")]))]),
        ("MX", [RR("www.example", QTYPE.MX, ttl=60, rdata=MX("mail.listed.test", 1))]),
        ("SRV", [RR("www.example", QTYPE.SRV, ttl=60, rdata=SRV(1, 1, 443, "listed.test"))]),
    ],
)
def test_threat_25_what_leads_to_a_listed_name_is_blocked(qtype, answers):
    """Aliases however deep, DNAME, bindings by target and by hint, mail and service targets; fresh, cached, counted."""
    made = world()
    query = ask("www.example", qtype, opt=edns())
    fresh = answered(made, query, answers)
    assert data(fresh) == ([SINKHOLE] if qtype == "A" else ["::1"] if qtype == "AAAA" else [])
    assert extended_errors(fresh)[0][0] == 15
    assert data(parse(made.ask(CLIENT, query))) == data(fresh)
    assert [sighting.count for sighting in made.drain().sightings] == [2]


def test_name_servers_are_no_destination():
    """Who asks for name servers goes nowhere yet: a listed one is blocked when its address is asked for."""
    made = world()
    assert data(answered(made, ask("www.example", "NS"), ["www.example. 60 NS ns.listed.test."])) == ["ns.listed.test."]
    assert data(parse(made.ask(CLIENT, ask("ns.listed.test")))) == [SINKHOLE]


ANSWERS = ["sinkhole", "null", "nodata", "nxdomain", "refused"]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("qtype", ["A", "AAAA", "HTTPS", 64, "TXT", "MX", "SRV", "NS", "ANY"])
def test_threat_25_blocked_answers_are_consistent(answer, qtype):
    """A listed name answers every type alike: an address where the action has one of the type, else NODATA with SOA."""
    response = parse(world(answer).ask(CLIENT, ask("www.listed.test", qtype)))
    rcode = {DnsAction.NXDOMAIN: 3, DnsAction.REFUSED: 5}.get(answer, 0)
    has_address = answer in ("sinkhole", "null") and qtype in ("A", "AAAA")
    assert (response.header.rcode, len(response.rr)) == (rcode, int(has_address))
    assert [rr.rtype for rr in response.auth] == ([] if has_address or answer == "refused" else [QTYPE.SOA])


ZONE = """\
$ORIGIN rpz.
@ SOA a. b. 1 2 3 4 5
32.7.0.1.10.rpz-client-ip CNAME rpz-drop.
32.8.0.1.10.rpz-client-ip A 192.0.2.7
long.test TXT "%s"
""" % '" "'.join(["x" * 200] * 10)  # noqa: UP031 - braces would have to be doubled


def zone_world():
    """Return a world with a response policy zone in force."""
    listed = Blocklist(name="zone", file="zone.rpz", format="rpz")
    policy = {"name": "ban", "blocklists": ["zone"], "phases": {"enforce": "2023-01-01"}}
    configuration = Configuration.model_validate({"blocklists": [listed.model_dump()], "policies": [policy]})
    return World(configuration, [compile_list(listed, parse_list(ZONE, "zone.rpz", listed), 0.0)], Upstream(), NOW)


def test_a_client_that_gets_no_answer():
    """DROP is silence, is counted, and is a sighting whose rule does not tell the address."""
    made = zone_world()
    query = ask("www.example")
    assert [made.ask("10.1.0.7", query, transport) for transport in Transport] == [None] * 4
    batch = made.drain()
    assert batch.counters["responses", "blocked", "REFUSED"] == 4
    assert [(one.rule, one.action, one.count, one.grade) for one in batch.sightings] == [
        ("rpz-client-ip", "drop", 4, "none")
    ]


def test_a_client_that_gets_local_data():
    """Every name leads where the zone says, from the memo too, and nobody else gets that."""
    made = zone_world()
    for _ in range(3):
        assert data(parse(made.ask("10.1.0.8", ask("www.example")))) == ["192.0.2.7"]
    assert parse(made.ask("10.1.0.9", ask("www.example"))).header.rcode == 3


def test_local_data_too_long_for_a_datagram():
    """What does not fit sends the client to TCP, where it gets all of it."""
    made = zone_world()
    for _ in range(3):
        assert parse(made.ask(CLIENT, ask("long.test", "TXT"))).header.tc
        assert len(parse(made.ask(CLIENT, ask("long.test", "TXT"), Transport.TCP)).rr[0].rdata.data) == 10


def test_threat_26_rpz_local_data_is_refused_by_line():
    """No rule rewrites a name below a wildcard into one that could be too long: such a rule is a named problem."""
    zone = "$ORIGIN rpz.\n@ SOA a. b. 1 2 3 4 5\n*.listed.test CNAME *." + "a" * 60 + ".example.\nb.test CNAME .\n"
    parsed = parse_list(zone, "rpz.zone", Blocklist(name="rpz", file="rpz.zone", format="rpz"))
    assert [(problem.line, "not supported" in problem.message) for problem in parsed.problems] == [(3, True)]
    assert parsed.exacts == ["b.test"]


@pytest.mark.parametrize("rebinding", [{}, {"protect": True}])
def test_threat_27_failure_stays_a_failure(rebinding):
    """A rule that covers what a SERVFAIL leads to makes no good answer of it, and its data is passed to nobody."""
    made = world(rebinding=rebinding)
    query = ask("www.example")
    answers = ["www.example. 60 CNAME listed.test.", "listed.test. 60 A 10.0.0.1"]
    response = answered(made, query, answers, ["x. 60 A 10.0.0.1"], rcode=2)
    assert (response.header.rcode, response.rr, response.auth, response.ar) == (2, [], [], [])
    assert made.drain().sightings == ()
    assert len(made.resolver.cache) == 0


@pytest.mark.parametrize(
    "rdata",
    [
        b"\0\1\0" + b"\0\3\0\2\1\xbb" + b"\0\1\0\3\2h2",  # out of order
        b"\0\1\0" + b"\0\1\0\3\2h2" * 2,
        b"\0\1\0" + b"\0\1\0\x40\2h2",
        b"\0\1\0" + b"\0\4\0\3\1\2\3",
        b"\0\1\0" + b"\0",
        b"\0\1",
        b"\0\1\7example",
    ],
)
def test_threat_17_malformed_service_bindings(rdata):
    """They are refused, so that another upstream is asked and in the end SERVFAIL is the answer; nothing is cached."""
    made = world()
    for rtype in (QTYPE.HTTPS, 64):
        with pytest.raises(WireError):
            answered(made, ask("www.example", rtype), [RR("www.example", rtype, ttl=60, rdata=RD(rdata))])
    assert len(made.resolver.cache) == 0


@pytest.mark.parametrize(
    ("rtype", "rdata"),
    [(1, bytes(3)), (1, bytes(5)), (28, bytes(4)), (28, bytes(17)), (5, b"\1a\0\0"), (15, b"\0\1\0x")],
)
def test_threat_17_lengths_that_lie(rtype, rdata):
    """Record data longer or shorter than its type can be is malformed."""
    with pytest.raises(WireError):
        answered(world(), ask("www.example", rtype), [RR("www.example", rtype, ttl=60, rdata=RD(rdata))])


PRIVATE = ["www.example. 300 A 192.0.2.1", "www.example. 300 A 192.168.1.1"]


def test_threat_36_private_address_in_a_public_name():
    """Withheld whenever it is asked for, fresh, cached, from the memo and stale, with the reason, each time counted."""
    made = world(rebinding={"protect": True})
    query = ask("www.example", opt=edns(do=True))
    responses = [answered(made, query, PRIVATE)]
    responses += [parse(made.ask(CLIENT, query)) for _ in range(3)]
    made.upstream.is_down = True
    made.move_to(NOW + 400)
    stale = parse(made.ask(CLIENT, query))
    for response in (*responses, stale):
        assert (response.header.rcode, response.rr, [rr.rtype for rr in response.auth]) == (0, [], [QTYPE.SOA])
        assert extended_errors(response)[0] == (15, "private address for a public name")
        assert not response.header.ad
    batch = made.drain()
    assert batch.counters["rebinding", "withheld"] == 5
    assert batch.counters["responses", "blocked", "NOERROR"] == 5
    assert batch.sightings == ()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("www.example", {}),
        ("www.example", {"rebinding": {"protect": True, "allow": ["example"]}}),
        ("freed.example", {"rebinding": {"protect": True}}),
        ("www.free.test", {"rebinding": {"protect": True}}),
        (
            "www.corp.example",
            {
                "rebinding": {"protect": True},
                "upstreams": [{"servers": ["192.0.2.53"]}, {"servers": ["192.0.2.54"], "domains": ["corp.example"]}],
            },
        ),
    ],
)
def test_threat_36_exceptions(name, settings):
    """Not switched on, allowed there, allowed by somebody's decision, never to be blocked, of a route of its own."""
    assert data(answered(world(**settings), ask(name), [f"{name}. 60 A 10.0.0.1"])) == ["10.0.0.1"]


def test_threat_36_never_block_lends_nothing():
    """Who leads a name of his own to one that is never blocked does not get an address of ours past the guard."""
    made = world(rebinding={"protect": True})
    answers = ["evil.example. 60 CNAME www.free.test.", "www.free.test. 60 A 127.0.0.1"]
    assert data(answered(made, ask("evil.example"), answers)) == []


def test_local_records_may_be_private():
    """What the configuration says is no answer of an upstream."""
    made = world(records=["intranet.example. 60 A 10.0.0.1"], rebinding={"protect": True})
    assert data(parse(made.ask(CLIENT, ask("intranet.example")))) == ["10.0.0.1"]


def test_a_listed_target_is_seen_beside_a_private_address():
    """What a list says comes first: the sighting is not lost."""
    made = world(rebinding={"protect": True})
    answers = ["www.example. 60 CNAME listed.test.", "listed.test. 60 A 10.0.0.1"]
    assert data(answered(made, ask("www.example"), answers)) == [SINKHOLE]
    assert len(made.drain().sightings) == 1


@pytest.mark.parametrize(
    ("ech", "opt", "signed", "errors", "is_left", "outcome"),
    [
        ("keep", edns(), [], [], True, None),
        ("remove", edns(), [], [(17, "ech removed")], False, "removed"),
        ("remove", None, [SIGNATURE], [], False, "removed"),
        ("remove", edns(do=True), [], [(17, "ech removed")], False, "removed"),
        ("remove", edns(do=True), [SIGNATURE], [(0, "ech kept, for it is signed")], True, "kept"),
        ("remove-signed", edns(do=True), [SIGNATURE], [(17, "ech removed")], False, "removed"),
    ],
)
def test_ech(ech, opt, signed, errors, is_left, outcome):
    """As the policy asks, never silently for a client with DO, the same from the cache and the memo, each counted."""
    made = world(ech=ech)
    query = ask("www.example", "HTTPS", opt=opt)
    responses = [answered(made, query, [ECH, *signed])]
    responses += [parse(made.ask(CLIENT, query)) for _ in range(3)]
    for response in responses:
        assert (5 in dict(response.rr[0].rdata.params)) == is_left
        assert 1 in dict(response.rr[0].rdata.params)
        assert extended_errors(response) == errors
    if outcome:
        assert counted(made, "ech", outcome) == 4


def test_ech_of_clients_that_no_policy_covers():
    """Before a policy's first phase, for other groups, and for freed names, `ech` stays."""
    phases = {"observe": "2025-01-01"}
    policy = {"name": "ban", "blocklists": ["banned"], "phases": phases, "ech": "remove"}
    later = world(policies=[policy])
    query = ask("www.example", "HTTPS")
    assert 5 in dict(answered(later, query, [ECH]).rr[0].rdata.params)
    made = world(
        policies=[{**policy, "phases": {"observe": "2023-01-01"}, "groups": ["red"]}],
        groups=[{"name": "red", "networks": ["10.2.0.0/16"]}],
    )
    assert 5 in dict(answered(made, query, [ECH]).rr[0].rdata.params)
    assert 5 not in dict(parse(made.ask("10.2.0.1", query)).rr[0].rdata.params)
    freed = RR("freed.example", QTYPE.HTTPS, ttl=300, rdata=ECH.rdata)
    assert 5 in dict(answered(made, ask("freed.example", "HTTPS"), [freed], client="10.2.0.1").rr[0].rdata.params)


def test_ttls_of_a_changed_answer_age():
    """From the cache and the memo, at their new places."""
    made = world(ech="remove")
    query = ask("www.example", "HTTPS")
    alias = RR("www.example", QTYPE.CNAME, ttl=100, rdata=CNAME("b.example"))
    target = RR("b.example", QTYPE.HTTPS, ttl=300, rdata=ECH.rdata)
    answered(made, query, [alias, target])
    for seconds in (10, 20, 30):
        made.move_to(NOW + seconds)
        assert [rr.ttl for rr in parse(made.ask(CLIENT, query)).rr] == [100 - seconds, 300 - seconds]


def test_one_answer_is_judged_once_for_all_who_wait(monkeypatch):
    """However many wait for it; each group by its own policy, and each client is seen."""
    judge, judged = View.judge, []

    def note(view, *arguments):
        judged.append(view.group)
        return judge(view, *arguments)

    monkeypatch.setattr(View, "judge", note)
    made = world(
        policies=[{"name": "b", "blocklists": ["banned"], "groups": ["red"], "phases": {"enforce": "2023-01-01"}}],
        groups=[{"name": "red", "networks": ["10.2.0.0/16"]}],
    )
    query = ask("www.example", "MX")
    seats = [made.resolver.seats.take(bytes((10, 1 + each % 2, 0, each)), NOW) for each in range(40)]
    waiting = [made.resolver.receive(query, seat, Transport.UDP, NOW) for seat in seats]
    records = [RR("www.example", QTYPE.MX, ttl=60, rdata=MX("a.listed.test", 1))]
    answer = made.resolver.accept(waiting[0].query, respond(query, records), NOW)
    found = [parse(made.resolver.finish(pending, answer, NOW)) for pending in waiting]
    assert judged == ["", "red"]
    assert [bool(response.rr) for response in found] == [True, False] * 20
    assert len({sighting.client for sighting in made.drain().sightings}) == 20


@pytest.mark.parametrize("name", ["www.example", "other.example"])
def test_an_answer_that_came_later_is_judged_by_itself(name):
    """What was found about one answer says nothing of the next, to the same question or another."""
    made = world()
    for target, is_blocked in (("a.listed.test", True), ("b.example", False)) * 2:
        records = [RR(name, QTYPE.MX, ttl=0, rdata=MX(target, 1))]
        assert (not answered(made, ask(name, "MX"), records).rr) is is_blocked


@pytest.mark.interpreted
@pytest.mark.parametrize("protect", [True, False])
def test_additional_addresses_are_looked_at_once(monkeypatch, protect):
    """Thousands of them are cut off for each client that waits, counted for each, looked through for the first."""
    scrub, looks = Scrubber.scrub, []

    def note(scrubber, *arguments):
        looks.append(1)
        return scrub(scrubber, *arguments)

    monkeypatch.setattr(Scrubber, "scrub", note)
    made, query = world(rebinding={"protect": protect}), ask("www.example")
    seat = made.resolver.seats.take(b"\x0a\1\0\1", NOW)
    waiting = [made.resolver.receive(query, seat, Transport.UDP, NOW) for _ in range(10)]
    message = respond(query, ["www.example. 60 A 192.0.2.1"], additionals=["ns.example. 60 A 10.0.0.1"])
    answer = made.resolver.accept(waiting[0].query, message, NOW)
    found = [parse(made.resolver.finish(pending, answer, NOW)) for pending in waiting]
    assert len(looks) == int(protect)
    assert [len(response.ar) for response in found] == [0 if protect else 1] * 10
    assert counted(made, "rebinding", "trimmed") == (10 if protect else 0)
