"""Ready responses: how they age and end, and that there are never too many."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import memo
from dnsfilter.memo import MAX_QUERY, Entry, Memo
from dnsfilter.model import Decision, DnsAction, Outcome, ProxyAction
from dnsfilter.policy.decisions import NOT_LISTED

TTLS = st.lists(st.integers(0, 1000), min_size=1, max_size=3)


def aging(ttls, stored, expires):
    """Return an entry with these TTLs, four octets apart."""
    entry = Entry(b"".join(struct.pack("!IHH", ttl, 7, 7) for ttl in ttls), NOT_LISTED, Outcome.CACHED, 0)
    entry.expire(stored, expires, tuple(8 * index for index in range(len(ttls))))
    return entry


def read_ttls(entry):
    """Return the TTLs in an entry's response; what stands between must not change."""
    found = list(struct.iter_unpack("!IHH", entry.tail))
    assert all(rest == [7, 7] for _, *rest in found)
    return [ttl for ttl, *_ in found]


@given(TTLS, st.integers(0, 10_000), st.lists(st.integers(0, 5000), max_size=10))
def test_ages_like_its_answer(ttls, stored, steps):
    """Whenever it is hit, every TTL is less by the whole seconds since it was right, never below 0."""
    entry = aging(ttls, float(stored), stored + 100.0)
    now = float(stored)
    for step in steps:
        now += step / 100
        is_valid = now < entry.fresh_until or entry.refresh(now)
        assert is_valid == (now < stored + 100)
        if not is_valid:
            return
        assert read_ttls(entry) == [max(ttl - int(now - stored), 0) for ttl in ttls]
        assert entry.fresh_until <= stored + 100


def test_lives_for_ever_unless_told():
    """A blocked answer does not age."""
    entry = Entry(b"tail", NOT_LISTED, Outcome.BLOCKED, 0)
    assert entry.fresh_until > 1e18


def test_counts_clients_only_where_listed():
    """Who asked for a name that is not listed is not kept."""
    listed = Decision(DnsAction.OBSERVE, ProxyAction.OBSERVE)
    assert Entry(b"", NOT_LISTED, Outcome.CACHED, 0).seen is None
    assert Entry(b"", listed, Outcome.OBSERVED, 0).seen == {}


def test_starts_over_when_full(monkeypatch):
    """It never holds more than its bound; what was hit before is still to be counted."""
    monkeypatch.setattr(memo, "MAX_ENTRIES", 3)
    kept = Memo()
    entries = [Entry(b"", NOT_LISTED, Outcome.CACHED, 0) for _ in range(4)]
    kept.touched.append(entries[0])
    for index, entry in enumerate(entries):
        kept.put(bytes([index]), entry)
    assert kept.entries == {b"\3": entries[3]}
    assert kept.touched == [entries[0]]


def test_takes_no_long_queries():
    """Queries padded to be long would fill the memory."""
    kept = Memo()
    kept.put(bytes(MAX_QUERY + 1), Entry(b"", NOT_LISTED, Outcome.CACHED, 0))
    kept.put(bytes(MAX_QUERY), Entry(b"", NOT_LISTED, Outcome.CACHED, 0))
    assert list(kept.entries) == [bytes(MAX_QUERY)]
