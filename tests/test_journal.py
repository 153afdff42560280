"""The journal: cumulative counters, bounded sightings, histograms by one bucket each."""

import pytest

from dnsfilter import journal as module
from dnsfilter.journal import DURATION_BUCKETS, Journal
from dnsfilter.model import Channel, Grade, Role, Sighting


def sighting(number):
    """Return a sighting that can be told apart."""
    return Sighting(
        float(number), "10.0.0.1", "app", "own", "a.example", Role.WEB, Grade.WEAK, Channel.DNS, "sinkhole", "none"
    )


@pytest.fixture
def journal(monkeypatch):
    """Make a journal with room for three sightings."""
    monkeypatch.setattr(module, "MAX_SIGHTINGS", 3)
    return Journal("worker-0", "life")


def test_counters_are_cumulative(journal):
    """A lost batch loses no count; sightings are handed out once."""
    journal.count("queries", "udp")
    journal.note(sighting(1))
    journal.gauges["cache_entries",] = 7.0
    first = journal.drain()
    journal.count("queries", "udp", by=2)
    second = journal.drain()
    assert (first.source, first.instance) == ("worker-0", "life")
    assert first.counters["queries", "udp"] == 1
    assert second.counters["queries", "udp"] == 3
    assert (first.sightings, second.sightings) == ((sighting(1),), ())
    assert second.gauges == {("cache_entries",): 7.0}


def test_drops_the_oldest_and_counts(journal):
    """When full, the oldest sighting goes."""
    for number in range(5):
        journal.note(sighting(number))
    batch = journal.drain()
    assert [one.time for one in batch.sightings] == [2.0, 3.0, 4.0]
    assert batch.counters["journal_dropped",] == 2


def test_names_are_told_once(journal):
    """Counts of names add up until they are drained."""
    journal.names.update({"a.example": 2})
    journal.names.update({"a.example": 3, "b.example": 1})
    assert journal.drain().names == {"a.example": 5, "b.example": 1}
    assert journal.drain().names == {}


def test_batches_are_bounded_and_numbered(journal):
    """A batch holds no more sightings than are asked for, the next one goes on, and each has a number of its own."""
    for number in range(3):
        journal.note(sighting(number))
    journal.clients.add("10.0.0.1")
    first = journal.drain(2)
    assert journal.holds_sightings
    second = journal.drain(2)
    assert not journal.holds_sightings
    assert [[one.time for one in batch.sightings] for batch in (first, second)] == [[0.0, 1.0], [2.0]]
    assert [batch.clients for batch in (first, second)] == [("10.0.0.1",), ()]
    assert [first.number, second.number, journal.drain().number] == [1, 2, 3]


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.0, "0.0005"), (0.0005, "0.0005"), (0.0006, "0.001"), (5.0, "5.0"), (5.1, "+Inf")]
)
def test_observation_falls_in_one_bucket(journal, seconds, bound):
    """A duration counts in the first bucket whose bound it does not exceed."""
    journal.observe("query_duration", "cached", seconds, by=2)
    counters = journal.drain().counters
    assert counters["query_duration_bucket", "cached", bound] == 2
    assert counters["query_duration_sum", "cached"] == pytest.approx(2 * seconds)
    assert len(counters) == 2


def test_observations_by_the_bucket(journal):
    """Buckets counted elsewhere are added where they are not empty."""
    buckets = [1, 0, 2, *[0] * (len(DURATION_BUCKETS) - 3), 5]
    journal.observe_all("query_duration", "resolved", buckets, 31.0)
    assert journal.drain().counters == {
        ("query_duration_bucket", "resolved", "0.0005"): 1,
        ("query_duration_bucket", "resolved", "0.0025"): 2,
        ("query_duration_bucket", "resolved", "+Inf"): 5,
        ("query_duration_sum", "resolved"): 31.0,
    }
