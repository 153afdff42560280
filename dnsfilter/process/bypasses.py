"""Who goes around the resolver, as the manager learns it from what resolver and proxy report: counters and evidence."""

from collections import Counter
from collections.abc import Callable, Sequence

from dnsfilter.evidence.bypass import Attendance, BlockedNames
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.journal import Batch
from dnsfilter.metrics import bypass_kind
from dnsfilter.process.accounts import PROXY
from dnsfilter.process.attribution import Attributor
from dnsfilter.store.sightings import Attributed


class Bypasses:
    """Puts sightings of both sides side by side; `count` is told of each by kind and group."""

    def __init__(self, count: Callable[[str, str, int], None]) -> None:
        self._count = count
        self._names = BlockedNames(0.0)
        self._attendance = Attendance()

    def adopt(self, snapshot: Snapshot) -> None:
        """Take the time for which blocked answers live."""
        self._names.ttl = float(snapshot.configuration.sinkhole.ttl)

    def follow(self, entries: Sequence[Attributed]) -> list[Attributed]:
        """Count what goes around the resolver; return lines of evidence to be stored with the entries."""
        lines = []
        for entry in entries:
            kind = bypass_kind(entry.sighting)
            line = self._names.follow(entry.device, entry.sighting)
            if kind:
                self._count(kind, entry.sighting.group, entry.sighting.count)
            elif line:
                self._count("name", entry.sighting.group, entry.sighting.count)
                lines.append(entry._replace(sighting=line))
        return lines

    def attend(self, batch: Batch, now: float) -> None:
        """Take the addresses that were active in a process."""
        if batch.source.startswith(PROXY):
            self._attendance.note_proxied(batch.clients, now)
        else:
            self._attendance.note_asking(batch.clients, now)

    def count_absent(self, attributor: Attributor, now: float, today: float) -> Counter[str]:
        """Return by group how many clients are active at the proxy and never ask the resolver."""
        return Counter(attributor.identify(address, today)[1] for address in self._attendance.find_absent(now))
