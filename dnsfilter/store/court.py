"""Decides when devices are judged: after their sightings, after a decision, when time says so, and now and then all.

Belongs to the thread that writes. Says what follows only when it is something else, and once at the start.
"""

import logging
import time
from collections.abc import Callable, Mapping
from math import inf

from sqlalchemy import Engine

from dnsfilter.evidence.steadiness import Steadiness
from dnsfilter.model import Standing
from dnsfilter.store.decisions import Token, read_token
from dnsfilter.store.sightings import DeviceKey
from dnsfilter.store.standings import Change, Known, Orders, Ruling, rule

FULL_SECONDS = 10.0
FULL_SHARE = 0.05
"""Of the time, what judging all devices may take."""

Quarantined = Mapping[str, frozenset[str]]

_log = logging.getLogger(__name__)


class Court:
    """Judges by the orders that it was told to follow last; until then nobody."""

    def __init__(self, on_ruling: Callable[[Quarantined], None]) -> None:
        self._on_ruling = on_ruling
        self._orders: Orders | None = None
        self._steadiness = Steadiness()
        self._token: Token | None = None
        self._known: Known | None = None
        self._quarantined: Quarantined | None = None
        self._next_full = -inf
        self._due = inf
        self.capped: frozenset[str] = frozenset()

    def follow(self, orders: Orders) -> None:
        """Judge by other orders from now on; may be called from any thread."""
        self._orders = orders
        self._next_full = -inf

    def sit(self, engine: Engine, concerned: Mapping[DeviceKey, Standing]) -> bool:
        """Judge whom it is time to judge; whether any standing or consequence has changed."""
        now, monotonic, orders = time.time(), time.monotonic(), self._orders
        is_steady = self._steadiness.note(now, monotonic)
        if orders is None:
            return False
        with engine.connect() as connection:
            token = read_token(connection)
        if monotonic >= self._next_full or now >= self._due or token != self._token:
            self._known = None
        if self._known and not concerned:
            return False
        ruling = self._judge(engine, orders, now, concerned, is_clock_steady=is_steady)
        self._token, self._due = token, ruling.due
        return self._announce(ruling)

    def sit_again(self) -> None:
        """Judge everybody the next time: the last time failed."""
        self._known = None

    def _judge(
        self,
        engine: Engine,
        orders: Orders,
        now: float,
        concerned: Mapping[DeviceKey, Standing],
        *,
        is_clock_steady: bool,
    ) -> Ruling:
        """Judge those concerned, all where nothing is known; what was known is so again once all is written."""
        known, self._known = self._known, None
        if known:
            with engine.begin() as connection:
                ruling = rule(connection, orders, now, is_clock_steady=is_clock_steady, only=concerned, known=known)
        else:
            began, self._next_full = time.monotonic(), inf
            with engine.begin() as connection:
                known = Known(connection)
                ruling = rule(connection, orders, now, is_clock_steady=is_clock_steady, known=known)
            pause = max(FULL_SECONDS, (time.monotonic() - began) / FULL_SHARE)
            self._next_full = min(self._next_full, began + pause)
        self._known = known
        return ruling

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
