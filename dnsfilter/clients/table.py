"""The table of known devices by address: inventory and leases joined, small enough for every worker to hold.

A device owns an address by the inventory, or by a lease of one of its MACs for as long as the lease lives. An address
that two sources give to different devices belongs to none of them: it keeps their group if they share one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import marisa_trie

from dnsfilter.clients.leases import Lease
from dnsfilter.model import Device

_SEPARATOR = "\t"


class Entry(NamedTuple):
    """What an address stands for until `expires`; `device` is empty where it is ambiguous."""

    device: str
    group: str
    expires: float


@dataclass(frozen=True, slots=True)
class ClientTable:
    """Entries by address, packed, and the policies under which devices are quarantined."""

    packed: marisa_trie.BytesTrie = field(default_factory=marisa_trie.BytesTrie)
    quarantined: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def get(self, address: str) -> Entry | None:
        """Return the entry of an address in canonical text form."""
        found = self.packed.get(address)
        if found is None:
            return None
        expires, group, device = found[0].decode().split(_SEPARATOR)
        return Entry(device, group, float(expires))


def compile_table(
    devices: Iterable[Device], leases: Iterable[Lease], quarantined: Mapping[str, frozenset[str]], now: float
) -> ClientTable:
    """Join inventory and leases as they are at `now`."""
    devices = tuple(devices)
    entries = dict(_inventory_entries(devices))
    entries.update(_lease_entries(devices, leases, entries, now))
    packed = (
        (address, _SEPARATOR.join((repr(e.expires), e.group, e.device)).encode()) for address, e in entries.items()
    )
    return ClientTable(marisa_trie.BytesTrie(packed), quarantined)


def _inventory_entries(devices: Iterable[Device]) -> Iterator[tuple[str, Entry]]:
    owners: dict[str, list[Device]] = defaultdict(list)
    for device in devices:
        for address in device.addresses:
            owners[address].append(device)
    for address, claimants in owners.items():
        yield address, _entry(claimants, inf)


def _lease_entries(
    devices: Iterable[Device], leases: Iterable[Lease], known: Mapping[str, Entry], now: float
) -> Iterator[tuple[str, Entry]]:
    owners: dict[str, list[Device]] = defaultdict(list)
    by_id: dict[str, Device] = {}
    for device in devices:
        by_id[device.id] = device
        for mac in device.macs:
            owners[mac].append(device)
    for lease in _live(leases, now):
        holders = owners.get(lease.mac, [])
        entry = known.get(lease.address)
        if entry is None:
            if holders:
                yield lease.address, _entry(holders, lease.expires)
        elif not _agrees(lease, holders, by_id.get(entry.device)):
            yield lease.address, Entry("", entry.group, inf)


def _live(leases: Iterable[Lease], now: float) -> Iterable[Lease]:
    """Return for each address the lease that ends last."""
    latest: dict[str, Lease] = {}
    for lease in leases:
        if lease.expires > now and (lease.address not in latest or lease.expires > latest[lease.address].expires):
            latest[lease.address] = lease
    return latest.values()


def _agrees(lease: Lease, holders: list[Device], owner: Device | None) -> bool:
    """Whether the lease of an address may be that of the device to which the inventory gives it."""
    if owner is None:
        return True
    return lease.mac in owner.macs if holders or owner.macs else True


def _entry(claimants: list[Device], expires: float) -> Entry:
    groups = {device.group for device in claimants}
    group = groups.pop() if len(groups) == 1 else ""
    return Entry(claimants[0].id if len(claimants) == 1 else "", group, expires)
