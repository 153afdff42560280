"""The answers we make up, read by the other codec."""

from dataclasses import replace

import pytest
from dnslib import QTYPE
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.answers import BlockedAnswers
from dnsfilter.localdata import LocalData
from dnsfilter.model import Decision, DnsAction, Grade, Match, ProxyAction, Role, Rule
from dnsfilter.settings.resolver import Listen, Sinkhole
from dnsfilter.wire.query import Query
from tests.fakes.messages import ask, edns, extended_errors, opts, parse

RULE = Rule("tiktok", "tiktok", Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK)
LOCAL = LocalData(["garden.example. 300 A 192.0.2.7", "garden.example. 300 A 192.0.2.8"], Listen())
ANSWERS = BlockedAnswers(Sinkhole(ipv4="192.0.2.99", ipv6="2001:db8::99", ttl=7), "", {}, LOCAL)
BLOCKING = [action for action in DnsAction if action.is_blocking and action is not DnsAction.DROP]


def build(action, qtype, opt=None, name="WWW.tiktok.com", answers=ANSWERS, policy=""):
    """Return the response to a query for a listed name."""
    decision = Decision(action, ProxyAction.REFUSE, RULE, policy)
    message, rcode = answers.build(Query(ask(name, qtype, opt=opt)), decision)
    response = parse(message)
    assert response.header.rcode == rcode
    return response


@pytest.mark.parametrize(
    ("action", "qtype", "rcode", "data", "has_soa"),
    [
        ("sinkhole", "A", 0, ["192.0.2.99"], False),
        ("sinkhole", "AAAA", 0, ["2001:db8::99"], False),
        ("sinkhole", "HTTPS", 0, [], True),
        ("sinkhole", "TXT", 0, [], True),
        ("null", "A", 0, ["0.0.0.0"], False),
        ("null", "AAAA", 0, ["::"], False),
        ("null", "MX", 0, [], True),
        ("nodata", "A", 0, [], True),
        ("nxdomain", "A", 3, [], True),
        ("nxdomain", "HTTPS", 3, [], True),
        ("refused", "A", 5, [], False),
    ],
)
def test_actions(action, qtype, rcode, data, has_soa):
    """Each action answers addresses as it says and everything else negatively, with an SOA for caches (RFC 2308)."""
    response = build(DnsAction(action), qtype)
    assert (response.header.rcode, [str(rr.rdata) for rr in response.rr]) == (rcode, data)
    assert [rr.rtype for rr in response.auth] == [QTYPE.SOA] * has_soa
    assert {rr.ttl for rr in response.rr + response.auth} <= {7}
    assert {rr.rdata.times[-1] for rr in response.auth} <= {7}
    assert {str(rr.rname) for rr in response.rr} <= {"WWW.tiktok.com."}


@pytest.mark.parametrize("action", BLOCKING)
def test_says_why(action):
    """RFC 8914 section 4.16: Blocked, with the app, inside EDNS only; AD and AA are clear.

    Section 4.5: and Forged Answer, where there is an answer in spite of that.
    """
    response = build(action, "A", edns())
    assert extended_errors(response) == [(15, "app tiktok")] + [(4, "")] * len(response.rr)
    assert not response.header.ad
    assert not response.header.aa
    assert opts(build(action, "A")) == []


def test_says_whom_to_ask():
    """The configured text stands behind the app; a policy with a text of its own says that instead."""
    answers = BlockedAnswers(Sinkhole(), "ask 4711", {"hr": "ask HR", "it": ""}, LOCAL)
    texts = {
        policy: extended_errors(build(DnsAction.NODATA, "A", edns(), answers=answers, policy=policy))
        for policy in ("hr", "it", "")
    }
    assert texts["hr"] == [(15, "app tiktok; ask HR")]
    assert texts["it"] == texts[""] == [(15, "app tiktok; ask 4711")]


def test_what_is_answered_before_any_policy_is_not_blocked():
    """A canary or special-use name is answered by ourselves, not by order."""
    decision = Decision(DnsAction.NXDOMAIN, ProxyAction.PASS, RULE)
    message, _ = ANSWERS.build(Query(ask("use-application-dns.net", opt=edns())), decision)
    assert extended_errors(parse(message)) == [(29, "")]


@given(st.integers(200, 700))
def test_never_longer_than_the_client_takes(limit):
    """With less and less room the text goes first, then Forged Answer, then Blocked, and never the answer."""
    query = Query(ask((b"a" * 60, b"a" * 60, b"tiktok", b"com"), opt=edns()))
    query.limit = limit
    answers = BlockedAnswers(Sinkhole(), "ä" * 100, {}, LOCAL)
    message, _ = answers.build(query, Decision(DnsAction.SINKHOLE, ProxyAction.REFUSE, RULE))
    response = parse(message)
    assert len(message) <= limit
    assert len(response.rr) == 1
    codes = [code for code, _ in extended_errors(response)]
    assert codes == [15, 4][: len(codes)]
    assert len(codes) == 2 or len(message) + 6 > limit
    text = "app tiktok; " + "ä" * 100
    assert (15, text) in extended_errors(response) or len(message) + len(text.encode()) > limit


def test_soa_belongs_above_a_name_that_does_not_exist():
    """The zone of a name that does not exist is above it; where it exists, the name may be the zone."""
    assert [str(rr.rname) for rr in build(DnsAction.NXDOMAIN, "A").auth] == ["tiktok.com."]
    assert [str(rr.rname) for rr in build(DnsAction.NODATA, "A").auth] == ["WWW.tiktok.com."]
    assert [str(rr.rname) for rr in build(DnsAction.NXDOMAIN, "A", name="com").auth] == ["."]


@pytest.mark.parametrize(
    ("data", "qtype", "expected"),
    [
        (("5 A 192.0.2.1", "5 A 192.0.2.2"), "A", [("A", "192.0.2.1"), ("A", "192.0.2.2")]),
        (("5 A 192.0.2.1", '5 TXT "Ask; us"'), "TXT", [("TXT", '"Ask; us"')]),
        (("5 A 192.0.2.1",), "AAAA", []),
        (("5 MX 10 mail.example.",), "MX", [("MX", "10 mail.example.")]),
        (("5 CNAME garden.example.",), "A", [("CNAME", "garden.example."), ("A", "192.0.2.7"), ("A", "192.0.2.8")]),
        (("5 CNAME elsewhere.example.",), "AAAA", [("CNAME", "elsewhere.example.")]),
    ],
)
def test_local_data_of_a_rule(data, qtype, expected):
    """A rule's records are answered with their own TTL, an alias with what it leads to among our records."""
    decision = Decision(DnsAction.SINKHOLE, ProxyAction.REFUSE, replace(RULE, data=data), "")
    response = parse(ANSWERS.build(Query(ask("www.tiktok.com", qtype)), decision)[0])
    assert [(QTYPE[record.rtype], str(record.rdata)) for record in response.rr] == expected
    assert all(record.rname == "www.tiktok.com." and record.ttl == 5 for record in response.rr[:1])
    assert [record.rtype for record in response.auth] == ([] if expected else [QTYPE.SOA])


def test_silence():
    """DROP is no response."""
    decision = Decision(DnsAction.DROP, ProxyAction.REFUSE, RULE, "")
    assert ANSWERS.build(Query(ask("www.tiktok.com", "A")), decision)[0] == b""
