"""Keeps subscriptions current: every list with a URL is fetched at start and then once per its refresh interval.

What comes of it are files; that they take effect is the caller's. A list that cannot be fetched keeps its last copy
and is tried again after growing pauses.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError
from dnsfilter.feeds.download import refresh
from dnsfilter.feeds.sources import COPIES, copy_path
from dnsfilter.feeds.watch import Watch
from dnsfilter.settings.order import Blocklist

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 3600.0

_log = logging.getLogger("dnsfilter.manager")


@dataclass(slots=True)
class _Turn:
    """When a list is to be fetched next, and how long to wait after its next failure."""

    due: float = 0.0
    pause: float = FIRST_PAUSE


class Subscriptions:
    """The subscriptions of the configuration in force; `now` is a monotonic clock.

    `on_refused` is told name and reason when a list begins to be refused, `on_fetched` each time how fetching it ended.
    """

    def __init__(
        self,
        state: Path,
        on_refused: Callable[[str, str], None] | None = None,
        on_fetched: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._copies = state / COPIES
        self._on_refused = on_refused
        self._on_fetched = on_fetched or (lambda _name, _is_successful: None)
        self._turns: dict[Blocklist, _Turn] = {}

    def adopt(self, configuration: Configuration) -> None:
        """Keep these lists current from now on; those that stay keep their turn."""
        wanted = [blocklist for blocklist in configuration.blocklists if blocklist.url]
        self._turns = {blocklist: self._turns.get(blocklist) or _Turn() for blocklist in wanted}

    async def refresh(self, now: float) -> bool:
        """Fetch what is due; whether any copy has been renewed or confirmed."""
        due = [(blocklist, turn) for blocklist, turn in self._turns.items() if turn.due <= now]
        return any(await asyncio.gather(*(self._fetch(blocklist, turn, now) for blocklist, turn in due)))

    async def _fetch(self, blocklist: Blocklist, turn: _Turn, now: float) -> bool:
        interval = blocklist.refresh.total_seconds()
        watch = Watch(copy_path(blocklist, self._copies))
        try:
            await refresh(blocklist, self._copies)
        except InputError as error:
            is_first = turn.pause == FIRST_PAUSE
            turn.due = now + min(turn.pause, interval)
            turn.pause = min(2 * turn.pause, LONGEST_PAUSE)
            first, *others = error.problems
            more = f" (and {len(others)} more)" if others else ""
            _log.warning("blocklist %s not refreshed: %s%s", blocklist.name, first, more)
            self._on_fetched(blocklist.name, False)
            if is_first and self._on_refused:
                self._on_refused(blocklist.name, f"{first}{more}")
            return False
        turn.due, turn.pause = now + interval, FIRST_PAUSE
        self._on_fetched(blocklist.name, True)
        return watch.changed()
