"""The answers we make up, read by the other codec."""

import pytest
from dnslib import QTYPE

from dnsfilter.answers import BlockedAnswers
from dnsfilter.model import Decision, DnsAction, Grade, Match, ProxyAction, Role, Rule
from dnsfilter.settings.resolver import Sinkhole
from dnsfilter.wire.query import Query
from tests.fakes.messages import ask, edns, extended_errors, opts, parse

RULE = Rule("tiktok", "tiktok", Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK)
ANSWERS = BlockedAnswers(Sinkhole(ipv4="192.0.2.99", ipv6="2001:db8::99", ttl=7))
BLOCKING = [action for action in DnsAction if action.is_blocking]


def build(action, qtype, opt=None, name="WWW.tiktok.com"):
    """Return the response to a query for a listed name."""
    message, rcode = ANSWERS.build(Query(ask(name, qtype, opt=opt)), Decision(action, ProxyAction.REFUSE, RULE))
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
    """RFC 8914 section 4.16: Blocked, with the app, inside EDNS only; AD and AA are clear."""
    response = build(action, "A", edns())
    assert extended_errors(response) == [(15, "app tiktok")]
    assert not response.header.ad
    assert not response.header.aa
    assert opts(build(action, "A")) == []


def test_soa_belongs_above_a_name_that_does_not_exist():
    """The zone of a name that does not exist is above it; where it exists, the name may be the zone."""
    assert [str(rr.rname) for rr in build(DnsAction.NXDOMAIN, "A").auth] == ["tiktok.com."]
    assert [str(rr.rname) for rr in build(DnsAction.NODATA, "A").auth] == ["WWW.tiktok.com."]
    assert [str(rr.rname) for rr in build(DnsAction.NXDOMAIN, "A", name="com").auth] == ["."]
