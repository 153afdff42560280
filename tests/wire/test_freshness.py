"""How long HTTP may cache a response."""

import pytest
from dnslib import QTYPE, RR, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.freshness import find_max_age

SOA = "example 900 SOA a. b. 1 2 3 4 60"


def build(answers: list[str], authorities: list[str], rcode: int = 0) -> bytes:
    record = DNSRecord(DNSHeader(qr=1, rcode=rcode), q=DNSQuestion("www.example", QTYPE.A))
    for line in answers:
        record.add_answer(*RR.fromZone(line))
    for line in authorities:
        record.add_auth(*RR.fromZone(line))
    return bytes(record.pack())


@pytest.mark.parametrize(
    ("answers", "authorities", "rcode", "seconds"),
    [
        (["www.example 300 CNAME other.test", "other.test 20 A 192.0.2.1"], [], 0, 20),
        (["www.example 300 A 192.0.2.1"], ["example 5 NS ns.example"], 0, 300),
        (["www.example 0 A 192.0.2.1"], [], 0, 0),
        ([], [SOA], 0, 60),
        ([], [SOA.replace("900", "30")], 3, 30),
        (["www.example 300 CNAME other.test"], [SOA], 3, 300),
        ([], ["example 5 NS ns.example"], 0, 0),
        ([], [], 0, 0),
        ([], [], 2, 0),
        ([], [SOA], 5, 0),
    ],
)
def test_table(answers, authorities, rcode, seconds):
    """Answers live as the shortest of them, denials as their SOA says, errors not at all."""
    assert find_max_age(build(answers, authorities, rcode)) == seconds


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5))
def test_is_the_smallest(ttls):
    """Whatever the TTLs, no record is kept longer than it lives."""
    assert find_max_age(build([f"www.example {ttl} A 192.0.2.1" for ttl in ttls], [])) == min(ttls)
