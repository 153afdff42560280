"""What was counted while answering, as entries of the journal."""

import pytest

from dnsfilter.journal import Journal
from dnsfilter.memo import Entry, Shelf
from dnsfilter.model import Decision, DnsAction, Grade, Match, Outcome, Phase, ProxyAction, Role, Rule, Transport
from dnsfilter.policy.decisions import NOT_LISTED
from dnsfilter.tally import UNGROUPED, Tally, address_text

RULE = Rule("tiktok", "tiktok", Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK)
LISTED = Decision(DnsAction.SINKHOLE, ProxyAction.REFUSE, RULE, "order", Phase.ENFORCE)
RED, BLUE = b"\x0a\0\0\1", b"\x0a\0\0\2"


@pytest.fixture
def tally():
    """Make a tally with an empty journal."""
    return Tally(Journal("worker-0", "life"))


@pytest.mark.parametrize(
    ("packed", "text"),
    [(RED, "10.0.0.1"), (bytes(15) + b"\1", "::1"), (bytes(10) + b"\xff\xff" + RED, "10.0.0.1")],
)
def test_address_text(packed, text):
    """A mapped address is the IPv4 address that it stands for."""
    assert address_text(packed) == text


def test_responses(tally):
    """Queries by transport, responses by outcome and code, durations by outcome; counted once."""
    for seconds in (0.0001, 0.02, 9.0):
        tally.count(Transport.UDP, Outcome.RESOLVED, 0, seconds)
    tally.count(Transport.TCP, Outcome.ERROR, 2, 0.0)
    tally.flush(0.0)
    tally.flush(1.0)
    counters = tally.journal.drain().counters
    assert counters["queries", "udp"] == 3
    assert counters["queries", "tcp"] == 1
    assert counters["responses", "resolved", "NOERROR"] == 3
    assert counters["responses", "error", "SERVFAIL"] == 1
    assert counters["query_duration_bucket", "resolved", "0.0005"] == 1
    assert counters["query_duration_bucket", "resolved", "0.025"] == 1
    assert counters["query_duration_bucket", "resolved", "+Inf"] == 1
    assert counters["query_duration_sum", "resolved"] == pytest.approx(9.0201)


def test_sightings(tally):
    """One sighting per client and rule with how often, labelled by the closed sets and never by a name."""
    tally.see("10.0.0.1", "corporate", LISTED)
    tally.see("10.0.0.1", "corporate", LISTED, 2)
    tally.see("10.0.0.2", "", LISTED)
    tally.flush(5.0)
    batch = tally.journal.drain()
    assert {(s.client, s.group, s.count, s.time, s.rule, s.action, s.channel) for s in batch.sightings} == {
        ("10.0.0.1", "corporate", 3, 5.0, "tiktok.com", "sinkhole", "dns"),
        ("10.0.0.2", UNGROUPED, 1, 5.0, "tiktok.com", "sinkhole", "dns"),
    }
    assert batch.counters["sightings", "tiktok", "web", "weak", "dns", "sinkhole", "corporate"] == 3
    tally.flush(6.0)
    assert tally.journal.drain().sightings == ()


def test_hits_of_a_memo(tally):
    """Hits become responses and, where listed, sightings of each client that hit; then they begin anew."""
    memo = Shelf().make_memo()
    listed, other = Entry(b"", LISTED, Outcome.BLOCKED, 0), Entry(b"", NOT_LISTED, Outcome.CACHED, 3)
    listed.hits, listed.seen, other.hits = 3, {RED: 2, BLUE: 1}, 4
    memo.touched += [listed, other]
    tally.flush_memo(memo, "corporate", 0.000003)
    tally.flush_memo(memo, "corporate", 0.000003)
    tally.flush(5.0)
    batch = tally.journal.drain()
    assert batch.counters["responses", "blocked", "NOERROR"] == 3
    assert batch.counters["responses", "cached", "NXDOMAIN"] == 4
    assert batch.counters["cache_hits", "memo"] == 7
    assert batch.counters["query_duration_bucket", "cached", "0.0005"] == 4
    assert {(s.client, s.count) for s in batch.sightings} == {("10.0.0.1", 2), ("10.0.0.2", 1)}
    assert (listed.hits, listed.seen, memo.touched) == (0, {}, [])


def test_hits_count_besides_where_an_entry_says_so(tally):
    """An answer that was changed counts as that each time it is given."""
    memo = Shelf().make_memo()
    changed = Entry(b"", NOT_LISTED, Outcome.CACHED, 0, ("ech", "removed"))
    changed.hits = 3
    memo.touched.append(changed)
    tally.flush_memo(memo, "corporate", 0.000003)
    tally.flush_memo(memo, "corporate", 0.000003)
    assert tally.journal.drain().counters["ech", "removed"] == 3


def test_who_the_sample_listens_to_is_no_sighting(tally):
    """Clients that an entry has seen although its name is not listed leave nothing in the journal."""
    memo = Shelf().make_memo()
    entry = Entry(b"", NOT_LISTED, Outcome.CACHED, 0)
    entry.hits, entry.seen = 3, {RED: 2, BLUE: 1}
    memo.touched.append(entry)
    tally.flush_memo(memo, "corporate", 0.0)
    tally.flush(1.0)
    batch = tally.journal.drain()
    assert (batch.sightings, batch.clients, entry.seen) == ((), (), {})
    assert batch.counters["responses", "cached", "NOERROR"] == 3
