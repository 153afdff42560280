"""Where the policy comes from: published snapshots, watched for the next generation.

Beside `dnsfilter serve` it only reads. Alone it publishes first, and keeps the table of clients fresh.
"""

import time
from pathlib import Path

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.config import Configuration
from dnsfilter.errors import SnapshotError
from dnsfilter.feeds import clients, snapshot
from dnsfilter.feeds.configuration import load_configuration
from dnsfilter.feeds.watch import Watch
from dnsfilter.process.publisher import publish
from proxy_addons.policy import PolicyInForce


class PolicySource:
    """The snapshots of one configuration."""

    def __init__(self, file: Path | None, *, publishes: bool) -> None:
        self._publishes = publishes
        configuration = publish(file)[0].configuration if publishes else load_configuration(file)
        self.state = Path(configuration.state)
        if publishes:
            clients.refresh_clients(configuration, self.state, time.time())
        self._sources = [Watch(path) for path in _client_sources(configuration)] if publishes else []
        self._published = [Watch(self.state / name) for name in (snapshot.FILE_NAME, clients.FILE_NAME)]
        self.policy = self._read()

    def refresh(self) -> bool:
        """Put a new generation in force; whether there was one. SnapshotError leaves the last good one in force."""
        if _look(self._sources):
            clients.refresh_clients(self.policy.configuration, self.state, time.time())
        if not _look(self._published):
            return False
        self.policy = self._read()
        return True

    def _read(self) -> PolicyInForce:
        found = snapshot.read_snapshot(self.state)
        try:
            table = clients.read_clients(self.state)
        except SnapshotError:
            if (self.state / clients.FILE_NAME).exists():
                raise
            table = ClientTable()
        return PolicyInForce(found, Directory(found.configuration.groups, table))


def _look(watches: list[Watch]) -> bool:
    """Look at every file; whether one changed."""
    changes = [watch.changed() for watch in watches]
    return any(changes)


def _client_sources(configuration: Configuration) -> list[Path]:
    files = [configuration.inventory, *(lease.file for lease in configuration.leases)]
    return [Path(file) for file in files if file]
