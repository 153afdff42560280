"""Who goes around the resolver, as the manager learns it from what resolver and proxy report: counters and evidence."""

from collections import Counter
from collections.abc import Callable, Sequence

from dnsfilter.evidence.bypass import Announced, Attendance, BlockedNames, find_kind
from dnsfilter.evidence.record import Attribution
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.journal import Batch
from dnsfilter.model import Event, EventKind
from dnsfilter.process.accounts import PROXY
from dnsfilter.process.attribution import Attributor
from dnsfilter.store.sightings import Attributed

COUNTED_BY_PROXY = "ech"
"""The proxy alone sees it, and counts it."""
TOLD = ("blocklist", "rule", "role", "channel", "action")
"""What of a sighting others are told."""


class Bypasses:
    """Puts sightings of both sides side by side; `count` is told of each by kind and group.

    `tell` gets what others are to hear: that a device goes around us in some way, once a day.
    """

    def __init__(self, count: Callable[[str, str, int], None], tell: Callable[[Event], None]) -> None:
        self._count, self._tell = count, tell
        self._announced = Announced()
        self._names = BlockedNames(0.0)
        self._attendance = Attendance()

    def adopt(self, snapshot: Snapshot) -> None:
        """Take the time for which blocked answers live."""
        self._names.ttl = float(snapshot.configuration.sinkhole.ttl)

    def follow(self, entries: Sequence[Attributed]) -> list[Attributed]:
        """Count what goes around the resolver; return lines of evidence to be stored with the entries."""
        lines = []
        for entry in entries:
            device, _, attribution, sighting = entry
            line = self._names.follow(device, sighting)
            kind = find_kind(sighting.rule, sighting.role, sighting.channel)
            if line and not kind:
                kind = "name"
                lines.append(entry._replace(sighting=line))
            if kind and kind != COUNTED_BY_PROXY:
                self._count(kind, sighting.group, sighting.count)
            if kind and attribution is Attribution.DEVICE:
                self._announce(kind, entry)
        return lines

    def _announce(self, kind: str, entry: Attributed) -> None:
        sighting = entry.sighting
        if self._announced.is_news((entry.device, sighting.app, kind), sighting.time):
            content: dict[str, str | list[str]] = {"group": entry.group, "bypass": kind}
            content |= {name: str(getattr(sighting, name)) for name in TOLD}
            self._tell(Event(EventKind.BYPASS, sighting.time, content, entry.device, sighting.app))

    def attend(self, batch: Batch, now: float) -> None:
        """Take the addresses that were active in a process."""
        if batch.source.startswith(PROXY):
            self._attendance.note_proxied(batch.clients, now)
        else:
            self._attendance.note_asking(batch.clients, now)

    def count_absent(self, attributor: Attributor, now: float, today: float) -> Counter[str]:
        """Return by group how many clients are active at the proxy and never ask the resolver."""
        return Counter(attributor.identify(address, today)[1] for address in self._attendance.find_absent(now))
