"""Ready responses: how they age and end, and that there are never too many."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import memo
from dnsfilter.memo import MAX_QUERY, OVERHEAD, Entry, Shelf
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
    """All views together never hold more than the bound; what was hit before is still to be counted."""
    monkeypatch.setattr(memo, "MAX_BYTES", 3 * (OVERHEAD + 11) + 10)
    shelf = Shelf()
    kept, other = shelf.make_memo(), shelf.make_memo()
    entries = [Entry(bytes(10), NOT_LISTED, Outcome.CACHED, 0) for _ in range(4)]
    kept.touched.append(entries[0])
    for index, entry in enumerate(entries[:2]):
        kept.put(bytes([index]), entry)
    kept.put(b"\0", entries[2])
    other.put(b"\2", entries[1])
    assert (len(kept.entries), len(other.entries)) == (2, 1)
    kept.put(b"\3", entries[3])
    assert (kept.entries, other.entries) == ({b"\3": entries[3]}, {})
    assert kept.touched == [entries[0]]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 3000)), max_size=60))
def test_counts_its_memory(steps):
    """However it is filled, its size is that of what it holds, and within the bound."""
    shelf = Shelf()
    memos = [shelf.make_memo() for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memo, "MAX_BYTES", 10_000)
        for index, key, size in steps:
            memos[index].put(bytes([key]), Entry(bytes(size), NOT_LISTED, Outcome.CACHED, 0))
            held = [entry for one in memos for entry in one.entries.values()]
            assert shelf.size == sum(OVERHEAD + 1 + len(entry.tail) for entry in held) <= 10_000


def test_takes_no_long_queries():
    """Queries padded to be long would fill the memory."""
    kept = Shelf().make_memo()
    kept.put(bytes(MAX_QUERY + 1), Entry(b"", NOT_LISTED, Outcome.CACHED, 0))
    kept.put(bytes(MAX_QUERY), Entry(b"", NOT_LISTED, Outcome.CACHED, 0))
    assert list(kept.entries) == [bytes(MAX_QUERY)]


@pytest.mark.parametrize(("asked", "is_noticed"), [([1, 8.9], False), ([9.0], True), ([1, 9.5, 9.7, 9.9], True)])
def test_notices_once_that_it_should_be_renewed(asked, is_noticed):
    """Whoever asks near the end has the query put on the list; the others do not put it there again."""
    entry, due = aging([10], 0.0, 10.0), []
    entry.watch(9.0, due, b"query")
    for now in asked:
        assert now < entry.fresh_until or entry.refresh(now)
    assert due == ([b"query"] if is_noticed else [])


def test_notices_within_the_last_second():
    """An answer of few seconds is renewed too: its entry is looked at when the time has come."""
    entry, due = aging([5], 0.0, 5.0), []
    entry.watch(4.5, due, b"query")
    for now in (4.2, 4.6):
        assert now < entry.fresh_until or entry.refresh(now)
    assert due == [b"query"]
