"""What processes report, added up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.journal import Batch, CounterKey
from dnsfilter.process import accounts as module
from dnsfilter.process.accounts import Accounts

KEY = ("queries", "udp")


def batch(value: float, source: str = "worker-0", instance: str = "1", **gauges: float) -> Batch:
    """Return a batch with one counter."""
    return Batch(source, instance, {KEY: value}, {(name,): number for name, number in gauges.items()})


def test_only_growth_is_new() -> None:
    """Counters are cumulative: a repeated batch adds nothing, a lost one is made up for by the next."""
    accounts = Accounts()
    assert list(accounts.settle(batch(5), 0)) == [(KEY, 5)]
    assert list(accounts.settle(batch(5), 1)) == []
    assert list(accounts.settle(batch(12), 2)) == [(KEY, 7)]
    assert list(accounts.settle(batch(3), 3)) == []


def test_a_batch_that_comes_again_is_known() -> None:
    """By the number of the last batch of one life of a process; its successor begins anew."""
    accounts = Accounts()
    batches = [Batch("worker-0", life, number=number) for life, number in (("1", 1), ("1", 2), ("2", 1))]
    for each in batches:
        assert not accounts.is_settled(each)
        list(accounts.settle(each, 0))
    assert all(map(accounts.is_settled, batches))


def test_each_life_counts_for_itself() -> None:
    """A restarted worker adds to what its predecessor counted, also when the last batch of that one comes late."""
    accounts = Accounts()
    reported = [(5, "1"), (2, "2"), (6, "1"), (3, "2")]
    total = sum(growth for value, life in reported for _, growth in accounts.settle(batch(value, instance=life), 0))
    assert total == 6 + 3


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), max_size=30), st.data())
def test_the_total_is_what_happened(events: list[tuple[str, int]], data: st.DataObject) -> None:
    """Whatever batches get lost, the total after the last ones is what the processes counted."""
    accounts, counted, total = Accounts(), dict.fromkeys("ab", 0), 0.0
    for source, more in events:
        counted[source] += more
        if data.draw(st.booleans()):
            total += sum(growth for _, growth in accounts.settle(batch(counted[source], source), 0))
    for source, value in counted.items():
        total += sum(growth for _, growth in accounts.settle(batch(value, source), 0))
    assert total == sum(counted.values())


def test_who_is_alive() -> None:
    """Only workers that reported lately count, each once however often it was restarted."""
    accounts = Accounts()
    for source, instance, now in (
        ("worker-0", "1", 0),
        ("worker-0", "2", 1),
        ("worker-1", "1", 2),
        ("proxy-0", "1", 2),
    ):
        list(accounts.settle(batch(1, source, instance), now))
    assert [accounts.count_workers(now) for now in (2.5, 4.5, 6.0)] == [2, 1, 0]


def test_gauges_are_combined_over_the_living() -> None:
    """A gauge is summed, or its least or greatest value is taken, over processes that reported lately."""
    accounts = Accounts()
    list(accounts.settle(batch(1, "worker-0", cache_entries=100.0), 0))
    list(accounts.settle(batch(1, "worker-1", cache_entries=5.0), 2))
    list(accounts.settle(batch(1, "worker-2", cache_entries=7.0, other=1.0), 2))
    assert accounts.combine("cache_entries", 2.5, sum) == {(): 112.0}
    assert accounts.combine("cache_entries", 4.0, min) == {(): 5.0}
    assert accounts.combine("absent", 2.5, max) == {}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that restarts for ever does not make the manager grow."""
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 4)
    accounts = Accounts()
    growths: list[tuple[CounterKey, float]] = []
    for life in range(50):
        growths += accounts.settle(batch(1, instance=str(life)), life)
    assert len(growths) == 50
    assert len(accounts._accounts) == 4
