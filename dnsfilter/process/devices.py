"""Keeps the client snapshot true: when inventory or lease files change it is published anew.

Logs places of problems, never what stands there: that is personal. `dnsfilter check` shows it.
"""

import logging
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import Problem, SnapshotError
from dnsfilter.feeds.clients import ClientSources, Parsed, publish_sources, read_client_sources
from dnsfilter.feeds.watch import Watch
from dnsfilter.model import Device

EXPIRY_SECONDS = 60.0
"""How often the table follows leases that end although no file changes."""

_log = logging.getLogger("dnsfilter.manager")


class DeviceFeed:
    """The sources of one configuration; what they were at construction counts as published.

    `devices` is the inventory as it was last readable, None until it was.
    """

    def __init__(self, configuration: Configuration, state: Path) -> None:
        self._configuration = configuration
        self._state = state
        files = [configuration.inventory, *(lease.file for lease in configuration.leases)]
        self._watches = [Watch(Path(file)) for file in files if file]
        self._published = 0.0
        self._parsed = Parsed()
        self.devices: tuple[Device, ...] | None = None

    def refresh(self, now: float) -> bool:
        """Publish the devices if anything has changed; whether it was."""
        is_changed = sum(watch.changed() for watch in self._watches) > 0
        is_due = bool(self._configuration.leases) and now - self._published >= EXPIRY_SECONDS
        if not is_changed and not is_due and self.devices is not None:
            return False
        sources = read_client_sources(self._configuration, self._parsed)
        if sources.is_complete:
            self.devices = sources.devices
        if not is_changed and not is_due:
            return False
        self._published = now
        if is_changed:
            _complain(sources)
        try:
            publish_sources(sources, self._configuration.identity, self._state, now)
        except SnapshotError as error:
            _log.error("%s", error)
            return False
        return True


def _complain(sources: ClientSources) -> None:
    if sources.problems:
        number, first = len(sources.problems), _place(sources.problems[0])
        kept = "" if sources.is_complete else ", devices known before stay known"
        _log.warning("%d problems in inventory and leases, the first at %s%s", number, first, kept)


def _place(problem: Problem) -> str:
    return str(Problem("", problem.file, problem.line, problem.key))
