"""Between the store and the client snapshot: tells the court whom the inventory knows, publishes whom it quarantines.

The store knows pseudonyms, the snapshot ids of the inventory; both meet only here. The store decides: what the snapshot
says is made from it again at every start.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from dnsfilter.errors import SnapshotError
from dnsfilter.feeds.clients import publish_quarantined
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.model import Device
from dnsfilter.process.orders import PolicyOrders
from dnsfilter.store.court import Court, Quarantined
from dnsfilter.store.pseudonyms import Pseudonyms

_log = logging.getLogger("dnsfilter.manager")


class Quarantine:
    """Keeps court and client snapshot in step; one thread at a time."""

    def __init__(self, state: Path, pseudonyms: Pseudonyms, court: Court) -> None:
        self._state = state
        self._pseudonyms = pseudonyms
        self._court = court
        self._devices: Sequence[Device] | None = None
        self._snapshot: Snapshot | None = None
        self._ids: dict[str, str] = {}

    def follow(self, snapshot: Snapshot, devices: Sequence[Device] | None) -> None:
        """Let the court judge by a snapshot and an inventory; without an inventory that could be read, by none yet."""
        if devices is None or (snapshot is self._snapshot and devices == self._devices):
            return
        self._snapshot, self._devices = snapshot, devices
        pseudonyms = [self._pseudonyms.of_device(device.id) for device in devices]
        self._ids = dict(zip(pseudonyms, (device.id for device in devices), strict=True))
        groups = dict(zip(pseudonyms, (device.group for device in devices), strict=True))
        self._court.follow(PolicyOrders(snapshot.configuration, snapshot.lists, groups))

    def publish(self, quarantined: Quarantined) -> bool:
        """Put quarantines in force, by pseudonym; whether any is another than before."""
        known = {self._ids[name]: policies for name, policies in quarantined.items() if name in self._ids}
        try:
            return publish_quarantined(known, self._state)
        except SnapshotError as error:
            _log.error("%s", error)
            return False
