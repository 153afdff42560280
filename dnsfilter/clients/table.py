"""The table of known devices by address: inventory and leases joined, small enough for every worker to hold.

A device owns an address by the inventory, or by a lease of one of its MACs for as long as the lease lives. An address
that two sources give to different devices, or to one and to a MAC that nobody knows, belongs to none of them: it keeps
their group if they share one. Addresses of networks that are declared as shared mean no device at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_NUL = "\0"
"""Where marisa-trie takes a key to end: it would find whatever begins with the octets before."""

_BY_DEVICE = "device:"
_BY_MAC = "mac:"


class Entry(NamedTuple):
    """What an address stands for until `expires`; `device` is empty where it is ambiguous."""

    device: str
    group: str
    expires: float


_STRANGER = Entry("", "", inf)
"""What a MAC stands for that the inventory does not know."""


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
        """Return the entry of an address in canonical text form, or of what somebody calls himself, in any form."""
        found = None if _NUL in address else self.packed.get(address)
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
    entries = _give((key, device) for device in devices for key in (device_key(device.id), *device.addresses))
    by_mac = _give((mac, device) for device in devices for mac in device.macs)
    entries.update(_lease_entries(devices, leases, by_mac, entries, now))
    if identity.shared:
        entries = {key: entry for key, entry in entries.items() if not _is_shared(key, identity.shared)}
    if identity.edns_mac:
        entries.update((mac_key(mac), entry) for mac, entry in by_mac.items())
    packed = (
        (key, f"{expires!r}{_SEPARATOR}{group}{_SEPARATOR}{device}".encode())
        for key, (device, group, expires) in entries.items()
    )
    return ClientTable(marisa_trie.BytesTrie(packed), quarantined)


def _give(claims: Iterable[tuple[str, Device]]) -> dict[str, Entry]:
    """Return what each key stands for that devices claim, nearly always one."""
    first: dict[str, Device] = {}
    others: dict[str, list[Device]] = defaultdict(list)
    for key, device in claims:
        if first.setdefault(key, device) is not device:
            others[key].append(device)
    entries = {key: Entry(device.id, device.group, inf) for key, device in first.items()}
    for key, devices in others.items():
        entries[key] = Entry("", _shared_group([first[key], *devices]), inf)
    return entries


def _is_shared(key: str, networks: Iterable[Network]) -> bool:
    if is_device_key(key):
        return False
    address = ip_address(key)
    return any(address in network for network in networks)


def _lease_entries(
    devices: Iterable[Device],
    leases: Iterable[Lease],
    by_mac: Mapping[str, Entry],
    known: Mapping[str, Entry],
    now: float,
) -> Iterator[tuple[str, Entry]]:
    by_id = {device.id: device for device in devices}
    for address, ends in _live(leases, now):
        entry = known.get(address)
        if entry is None:
            claims = [by_mac.get(mac, _STRANGER) for mac in ends]
            if claims != [_STRANGER] * len(claims):
                yield address, _join(claims, min(ends.values()))
        elif not all(_agrees(mac, by_mac, by_id.get(entry.device)) for mac in ends):
            yield address, Entry("", entry.group, inf)


def _live(leases: Iterable[Lease], now: float) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each address with the MACs that have it, and until when."""
    live: dict[str, Lease] = {}
    others: dict[str, list[Lease]] = defaultdict(list)
    for lease in leases:
        if lease.expires > now and live.setdefault(lease.address, lease) is not lease:
            others[lease.address].append(lease)
    for address, (_, holder, end) in live.items():
        ends = {holder: end}
        for _, mac, expires in others.get(address, ()):
            ends[mac] = max(expires, ends.get(mac, expires))
        yield address, ends


def _agrees(mac: str, by_mac: Mapping[str, Entry], owner: Device | None) -> bool:
    """Whether an address may be leased to a MAC and still be that of the device to which the inventory gives it."""
    if owner is None:
        return True
    return mac in owner.macs if mac in by_mac or owner.macs else True


def _join(claims: Sequence[Entry], expires: float) -> Entry:
    """Return what an address stands for that all these claim."""
    if len(claims) == 1:
        return Entry(claims[0].device, claims[0].group, expires)
    devices = {claim.device for claim in claims}
    return Entry(devices.pop() if len(devices) == 1 else "", _shared_group(claims), expires)


def _shared_group(claimants: Iterable[Device | Entry]) -> str:
    groups = {claimant.group for claimant in claimants}
    return groups.pop() if len(groups) == 1 else ""
