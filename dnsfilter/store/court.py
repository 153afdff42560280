"""Decides when devices are judged: after their sightings, after a decision, when time says so, and now and then all.

Belongs to the thread that writes. Says what follows only when it is something else, and once at the start.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf

from sqlalchemy import Connection, Engine

from dnsfilter.evidence.steadiness import Steadiness
from dnsfilter.model import Standing
from dnsfilter.store.decisions import Token, read_token
from dnsfilter.store.sightings import DeviceKey
from dnsfilter.store.standings import Change, Known, Orders, Ruling, find_changes, rule

FULL_SECONDS = 10.0
FULL_SHARE = 0.05
"""Of the time, what judging all devices may take."""

Quarantined = Mapping[str, frozenset[str]]
Take = Callable[[Connection], Mapping[DeviceKey, Standing]]
"""Writes sightings; returns who must be judged, with the standing before."""
Tell = Callable[[Connection, Sequence[Change], Collection[str] | None, float], None]
"""Notes, in the transaction of the ruling, what has changed, and which policies' caps are reached, if that is known."""

_log = logging.getLogger(__name__)


class Court:
    """Judges by the orders that it was told to follow last; until then nobody."""

    def __init__(self, on_ruling: Callable[[Quarantined], None], tell: Tell | None = None) -> None:
        self._on_ruling = on_ruling
        self._tell = tell
        self._orders: Orders | None = None
        self._steadiness = Steadiness()
        self._token: Token | None = None
        self._known: Known | None = None
        self._quarantined: Quarantined | None = None
        self._next_full = -inf
        self._due = inf
        self.capped: frozenset[str] = frozenset()
        self.is_clock_steady = True

    def follow(self, orders: Orders) -> None:
        """Judge by other orders from now on; may be called from any thread."""
        self._orders = orders
        self._next_full = -inf

    def sit(self, engine: Engine, take: Take | None = None) -> bool:
        """Judge whom it is time to judge, then take sightings and, in the same transaction, judge whom they concern.

        Return whether any standing or consequence has changed.
        """
        now, monotonic, orders = time.time(), time.monotonic(), self._orders
        self.is_clock_steady = self._steadiness.note(now, monotonic)
        is_other = False
        if orders and self._must_judge_all(engine, now, monotonic):
            is_other = self._announce(self._judge_all(engine, orders, now))
        if take is None:
            return is_other
        ruling = self._take(engine, take, orders, now)
        return (ruling is not None and self._announce(ruling)) or is_other

    def sit_again(self) -> None:
        """Judge everybody the next time: the last time failed."""
        self._known = None

    def _must_judge_all(self, engine: Engine, now: float, monotonic: float) -> bool:
        with engine.connect() as connection:
            token = read_token(connection)
        is_decided, self._token = token != self._token, token
        return self._known is None or is_decided or monotonic >= self._next_full or now >= self._due

    def _judge_all(self, engine: Engine, orders: Orders, now: float) -> Ruling:
        """Judge everybody; what is known then is known once all is written."""
        self._known = None
        began, self._next_full = time.monotonic(), inf
        with engine.begin() as connection:
            known = Known(connection)
            ruling = rule(connection, orders, now, is_clock_steady=self.is_clock_steady, known=known)
            self._note(connection, ruling.changes, ruling.capped, now)
        pause = max(FULL_SECONDS, (time.monotonic() - began) / FULL_SHARE)
        self._next_full = min(self._next_full, began + pause)
        self._known, self._due = known, ruling.due
        return ruling

    def _take(self, engine: Engine, take: Take, orders: Orders | None, now: float) -> Ruling | None:
        """Take sightings and judge whom they concern; without orders only note what has become of whom."""
        known, self._known = self._known, None
        with engine.begin() as connection:
            concerned = take(connection)
            ruling = None
            if known and orders and concerned:
                steady = self.is_clock_steady
                ruling = rule(connection, orders, now, is_clock_steady=steady, only=concerned, known=known)
                self._note(connection, ruling.changes, ruling.capped, now)
            elif concerned:
                self._note(connection, find_changes(connection, concerned), None, now)
        self._known = known
        if ruling:
            self._due = ruling.due
        return ruling

    def _note(
        self, connection: Connection, changes: Sequence[Change], capped: Collection[str] | None, now: float
    ) -> None:
        if self._tell:
            self._tell(connection, changes, capped, now)

    def _announce(self, ruling: Ruling) -> bool:
        is_other = ruling.quarantined != self._quarantined or ruling.capped != self.capped
        for change in ruling.changes:
            _tell(change)
        for device, policy in sorted(ruling.dry_runs):
            _log.info("%s would be quarantined under policy %s but for dry_run", device, policy)
        for policy in sorted(ruling.capped - self.capped):
            _log.warning("max_devices of policy %s is reached: nobody more is quarantined", policy)
        self.capped = ruling.capped
        if ruling.quarantined != self._quarantined:
            self._quarantined = ruling.quarantined
            self._on_ruling(ruling.quarantined)
        return is_other or bool(ruling.changes)


def _tell(change: Change) -> None:
    if Standing.QUARANTINED in (change.before, change.after) or Standing.EXEMPT in (change.before, change.after):
        _log.info("%s: %s, was %s: %s", change.device, change.after, change.before, change.reason)
