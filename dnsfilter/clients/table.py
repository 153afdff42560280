"""The table of known devices by address: inventory and leases joined, small enough for every worker to hold.

A device owns an address by the inventory, or by a lease of one of its MACs for as long as the lease lives. An address
that two sources give to different devices, or to one and to a MAC that nobody knows, belongs to none of them: it keeps
their group if they share one. Addresses of networks that are declared as shared mean no device at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import inf
from typing import NamedTuple

import marisa_trie

from dnsfilter.clients.leases import Lease
from dnsfilter.model import Device
from dnsfilter.settings.identity import Identity
from dnsfilter.values import Network

_SEPARATOR = "\t"
_BY_DEVICE = "device:"
_BY_MAC = "mac:"
_STRANGER = Device("", "", "", "", "", (), ())


class Entry(NamedTuple):
    """What an address stands for until `expires`; `device` is empty where it is ambiguous."""

    device: str
    group: str
    expires: float


def device_key(device: str) -> str:
    """Return what stands in the place of an address for a device that has proven to be one; ids know no case here."""
    return _BY_DEVICE + device.lower()


def mac_key(mac: str) -> str:
    """Return what stands in the place of an address for the device with a MAC, as somebody trusted said."""
    return _BY_MAC + mac


def is_device_key(text: str) -> bool:
    """Whether a text is no address but stands for a device."""
    return text.startswith((_BY_DEVICE, _BY_MAC))


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
    devices: Iterable[Device],
    leases: Iterable[Lease],
    quarantined: Mapping[str, frozenset[str]],
    now: float,
    identity: Identity = Identity(),  # noqa: B008 - it is frozen
) -> ClientTable:
    """Join inventory and leases as they are at `now`; MACs are in the table only where somebody may say them."""
    devices = tuple(devices)
    entries = dict(_inventory_entries(devices))
    entries.update(_lease_entries(devices, leases, entries, now))
    if identity.shared:
        entries = {key: entry for key, entry in entries.items() if not _is_shared(key, identity.shared)}
    if identity.edns_mac:
        entries.update(_mac_entries(devices))
    packed = (
        (key, f"{expires!r}{_SEPARATOR}{group}{_SEPARATOR}{device}".encode())
        for key, (device, group, expires) in entries.items()
    )
    return ClientTable(marisa_trie.BytesTrie(packed), quarantined)


def _inventory_entries(devices: Iterable[Device]) -> Iterator[tuple[str, Entry]]:
    owners: dict[str, list[Device]] = defaultdict(list)
    for device in devices:
        for address in (device_key(device.id), *device.addresses):
            owners[address].append(device)
    for address, claimants in owners.items():
        yield address, _entry(claimants, inf)


def _mac_entries(devices: Iterable[Device]) -> Iterator[tuple[str, Entry]]:
    owners: dict[str, list[Device]] = defaultdict(list)
    for device in devices:
        for mac in device.macs:
            owners[mac].append(device)
    return ((mac_key(mac), _entry(claimants, inf)) for mac, claimants in owners.items())


def _is_shared(key: str, networks: Iterable[Network]) -> bool:
    if is_device_key(key):
        return False
    address = ip_address(key)
    return any(address in network for network in networks)


def _lease_entries(
    devices: Iterable[Device], leases: Iterable[Lease], known: Mapping[str, Entry], now: float
) -> Iterator[tuple[str, Entry]]:
    owners: dict[str, list[Device]] = defaultdict(list)
    by_id: dict[str, Device] = {}
    for device in devices:
        by_id[device.id] = device
        for mac in device.macs:
            owners[mac].append(device)
    for address, ends in _live(leases, now).items():
        entry = known.get(address)
        if entry is None:
            claimants = {device.id: device for mac in ends for device in owners.get(mac, (_STRANGER,))}
            if any(claimants):
                yield address, _entry(list(claimants.values()), min(ends.values()))
        elif not all(_agrees(mac, owners, by_id.get(entry.device)) for mac in ends):
            yield address, Entry("", entry.group, inf)


def _live(leases: Iterable[Lease], now: float) -> dict[str, dict[str, float]]:
    """Return for each address the MACs that have it, and until when."""
    live: dict[str, dict[str, float]] = defaultdict(dict)
    for address, mac, expires in leases:
        if expires > now:
            live[address][mac] = max(expires, live[address].get(mac, expires))
    return live


def _agrees(mac: str, owners: Mapping[str, list[Device]], owner: Device | None) -> bool:
    """Whether an address may be leased to a MAC and still be that of the device to which the inventory gives it."""
    if owner is None:
        return True
    return mac in owner.macs if mac in owners or owner.macs else True


def _entry(claimants: list[Device], expires: float) -> Entry:
    if len(claimants) == 1:
        return Entry(claimants[0].id, claimants[0].group, expires)
    groups = {device.group for device in claimants}
    group = groups.pop() if len(groups) == 1 else ""
    return Entry("", group, expires)
