"""Where the policy comes from: published snapshots, watched for the next generation.

Under `dnsfilter serve` it only reads. Alone it compiles first, and keeps the table of clients fresh.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import ClientTable
from dnsfilter.config import Configuration
from dnsfilter.errors import SnapshotError
from dnsfilter.feeds import clients, snapshot
from dnsfilter.feeds.watch import Watch
from dnsfilter.process.publisher import publish
from proxy_addons.policy import PolicyInForce


class PolicySource:
    """The snapshots of one state directory; `sources` are the files that the table of clients is made from."""

    def __init__(self, state: Path, sources: Iterable[Path] = ()) -> None:
        self.state = state
        self._sources = [Watch(path) for path in sources]
        self._published = [Watch(state / name) for name in (snapshot.FILE_NAME, clients.FILE_NAME)]
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


def compile_source(file: Path | None) -> PolicySource:
    """Compile configuration, lists and clients and return what came of it; InputError lists all that is wrong."""
    configuration = publish(file)[0].configuration
    state = Path(configuration.state)
    clients.refresh_clients(configuration, state, time.time())
    return PolicySource(state, _client_sources(configuration))


def _look(watches: list[Watch]) -> bool:
    changes = [watch.changed() for watch in watches]  # every one of them, so that none reports an old change later
    return any(changes)


def _client_sources(configuration: Configuration) -> list[Path]:
    files = [configuration.inventory, *(lease.file for lease in configuration.leases)]
    return [Path(file) for file in files if file]
