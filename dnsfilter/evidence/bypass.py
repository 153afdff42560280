"""What shows that a client has gone around the resolver: sightings of resolver and proxy side by side.

    name        DNS blocked a name for a client, and later it connects to one of the same rule all the same
    ech         a ClientHello hides a name behind a listed front
    ip          a connection to a listed address names nothing
    doh         somebody else's resolver, by a listed name or address or by what is asked there
    absent      a client is active at the proxy and has not asked the resolver

The first two are a line of evidence beside the sighting; the next two are what the sighting is.

Pure: bounded tables of who did what when; the time is given.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from dnsfilter.model import Channel, DnsAction, Grade, Role, Sighting

MAX_REMEMBERED = 50_000
WINDOW = 24 * 3600.0
"""Seconds for which a blocked answer, or that somebody asked, is remembered."""

ACTIVE_SECONDS = 3600.0
PATIENCE_SECONDS = 900.0
"""A client that is seen at the proxy may have asked before we began to listen; only after this time it counts."""

KINDS = ("doh", "ip", "ech", "name")
_LINE = "bypass, "
_LINES = {"name": f"{_LINE}blocked in DNS: ", "ech": f"{_LINE}ECH: "}

_DNS, _IP, _DOH = Channel.DNS, Channel.IP, Role.DOH
_BLOCKING = frozenset(action for action in DnsAction if action.is_blocking)


class BlockedNames:
    """Rules by which answers were blocked lately; `ttl` seconds is how long a client may keep such an answer."""

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self._blocked: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def follow(self, device: str, sighting: Sighting) -> Sighting | None:
        """Take a sighting of a device; return the line of evidence where it shows that the device went around us.

        Only who resolved a name by itself can have gone around: names that clients give to an explicit proxy, and
        connections to the sinkhole, follow from what we answered or were never asked.
        """
        key = device, sighting.blocklist, sighting.rule
        if sighting.channel is _DNS:
            if sighting.action in _BLOCKING:
                self._remember(key, sighting.time)
            return None
        blocked = self._blocked.get(key)
        if blocked is None or not sighting.is_resolved or not self.ttl < sighting.time - blocked <= WINDOW:
            return None
        return to_evidence("name", sighting)

    def _remember(self, key: tuple[str, str, str], time: float) -> None:
        latest = max(self._blocked.pop(key, time), time)
        if len(self._blocked) >= MAX_REMEMBERED:
            self._blocked.popitem(last=False)  # in a plain dict, finding the first one takes ever longer
        self._blocked[key] = latest


def find_kind(rule: str, role: str, channel: str) -> str:
    """Return how a sighting, or a line of evidence, goes around the resolver; empty where it does not."""
    if rule.startswith(_LINE):
        for kind, line in _LINES.items():
            if rule.startswith(line):
                return kind
    if role == _DOH:
        return "doh"
    return "ip" if channel == _IP else ""


def to_evidence(kind: str, sighting: Sighting) -> Sighting:
    """Return the line that says how a sighting went around us; the sighting itself proves what it proves, no more."""
    return Sighting(
        sighting.time,
        sighting.client,
        sighting.app,
        sighting.blocklist,
        _LINES[kind] + sighting.rule,
        sighting.role,
        Grade.NONE,
        sighting.channel,
        sighting.action,
        sighting.group,
        sighting.count,
    )


class Announced:
    """Who went around us in which way within the last day; never stored."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, ...], float] = {}

    def is_news(self, key: tuple[str, ...], now: float) -> bool:
        """Take that it happened; whether it did not happen within a day before."""
        last = self._last.get(key)
        if last is not None and now - last < WINDOW:
            return False
        self._last.pop(key, None)
        self._last[key] = now
        _bound(self._last)
        return True


class Attendance:
    """Who asks the resolver and who is at the proxy, by address; never stored."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}
        self._seen: dict[str, tuple[float, float]] = {}

    def note_asking(self, addresses: Iterable[str], now: float) -> None:
        """Take who has asked the resolver."""
        for address in addresses:
            self._asked.pop(address, None)
            self._asked[address] = now
        _bound(self._asked)

    def note_proxied(self, addresses: Iterable[str], now: float) -> None:
        """Take who was active at the proxy."""
        for address in addresses:
            first, last = self._seen.pop(address, (now, now))
            self._seen[address] = (now if now - last > ACTIVE_SECONDS else first), now
        _bound(self._seen)

    def find_absent(self, now: float) -> Iterator[str]:
        """Yield who has been active at the proxy for a while and has not asked."""
        for address, (first, last) in self._seen.items():
            asked = self._asked.get(address)
            is_active = now - last <= ACTIVE_SECONDS and now - first >= PATIENCE_SECONDS
            if is_active and (asked is None or now - asked > WINDOW):
                yield address


def _bound(table: dict[Any, Any]) -> None:
    while len(table) > MAX_REMEMBERED:
        del table[next(iter(table))]
