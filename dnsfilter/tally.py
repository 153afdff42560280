"""What the resolver counts while it answers, cheaply; once a second it becomes entries of the journal.

Counts by outcome and rcode, durations by outcome, sightings by client and decision. No qname is kept but by the sample.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from dnsfilter.journal import DURATION_BUCKETS, Journal
from dnsfilter.memo import Memo
from dnsfilter.model import Channel, Decision, Outcome, Sighting, Transport
from dnsfilter.sample import Sample
from dnsfilter.wire.codes import rcode_text

UNGROUPED = "none"


def address_text(packed: bytes) -> str:
    """Return an address of 4 or 16 octets as text; an IPv4-mapped one as IPv4."""
    address = ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


class _Cell:
    """Responses of one kind: how many by duration, and the sum of their durations."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(DURATION_BUCKETS) + 1)
        self.seconds = 0.0


class Tally:
    """The counts since the last flush."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.sample = Sample()
        self._cells: dict[tuple[Transport, Outcome, int], _Cell] = {}
        self._seen: Counter[tuple[str, str, Decision]] = Counter()

    def count(self, transport: Transport, outcome: Outcome, rcode: int, seconds: float) -> None:
        """Count one response that was not in the memo."""
        cell = self._cells.get((transport, outcome, rcode))
        if cell is None:
            cell = self._cells[transport, outcome, rcode] = _Cell()
        cell.buckets[bisect_left(DURATION_BUCKETS, seconds)] += 1
        cell.seconds += seconds

    def see(self, client: str, group: str, decision: Decision, by: int = 1) -> None:
        """Count a sighting."""
        self._seen[client, group, decision] += by

    def flush_memo(self, memo: Memo, group: str, seconds: float) -> None:
        """Count the hits of a memo since the last time; each took about `seconds`."""
        if self.sample.is_open:
            self.sample.read_hits(memo.touched)
        for entry in memo.touched:
            self.journal.count("responses", entry.outcome, rcode_text(entry.rcode), by=entry.hits)
            self.journal.count("cache_hits", "memo", by=entry.hits)
            self.journal.observe("query_duration", entry.outcome, seconds, by=entry.hits)
            if entry.counted:
                self.journal.count(*entry.counted, by=entry.hits)
            entry.hits = 0
            if entry.seen:
                for client, count in entry.seen.items() if entry.decision.is_sighting else ():
                    text = client if isinstance(client, str) else address_text(client)
                    self.see(text, group, entry.decision, count)
                entry.seen.clear()
        memo.touched.clear()

    def flush(self, today: float) -> None:
        """Turn counts and sightings into entries of the journal, at `today`."""
        for (transport, outcome, rcode), cell in self._cells.items():
            self.journal.count("queries", transport, by=sum(cell.buckets))
            self.journal.count("responses", outcome, rcode_text(rcode), by=sum(cell.buckets))
            self.journal.observe_all("query_duration", outcome, cell.buckets, cell.seconds)
        self._cells.clear()
        for (client, group, decision), count in self._seen.items():
            self.journal.note(_sighting(today, client, group or UNGROUPED, decision, count))
            self.journal.count("sightings", *_labels(decision, group or UNGROUPED), by=count)
        self._seen.clear()
        self.journal.names.update(self.sample.end_second(today))


def _labels(decision: Decision, group: str) -> Iterable[str]:
    assert decision.rule
    rule = decision.rule
    return rule.app, rule.role, rule.grade, Channel.DNS, decision.dns, group


def _sighting(today: float, client: str, group: str, decision: Decision, count: int) -> Sighting:
    assert decision.rule
    rule = decision.rule
    return Sighting(
        today,
        client,
        rule.app,
        rule.blocklist,
        rule.text,
        rule.role,
        rule.grade,
        Channel.DNS,
        decision.dns,
        group,
        count,
    )
