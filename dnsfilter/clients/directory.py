"""The directory: address -> `Client`, by the table of known devices, else by the groups' networks.

Reads no file and no clock. What devices a table knows is decided in `table`; here an address is only looked up.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from math import inf

from dnsfilter.clients.addresses import parse_address
from dnsfilter.clients.table import ClientTable, Entry, is_device_key
from dnsfilter.model import Client
from dnsfilter.settings.order import Group

MAX_REMEMBERED = 20_000


class Directory:
    """Tells who asks from an address, or which device it is that has proven to be one."""

    def __init__(self, groups: Iterable[Group], table: ClientTable) -> None:
        self._table = table
        self._networks: dict[tuple[int, int], dict[int, str]] = {}
        for group in groups:
            for network in group.networks:
                by_address = self._networks.setdefault((network.prefixlen, network.version), {})
                by_address.setdefault(int(network.network_address), group.name)
        self._prefix_lengths = sorted(self._networks, reverse=True)
        self._remembered: dict[str, tuple[Client, float]] = {}

    def find(self, address: str, now: float) -> Client:
        """Return the client behind an address; an address that is none belongs to no group and no device."""
        remembered = self._remembered.get(address)
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        client, until = self.look_up(address, now)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[address] = client, until
        return client

    def identify(self, address: str, keys: Sequence[str], now: float) -> Client:
        """Return the one device that all keys stand for; nobody at the address where there is no such device."""
        named = [self.find(key, now) for key in keys]
        if named[0].device and len({client.device for client in named}) == 1:
            return named[0]
        return Client(self.find(address, now).group)

    def look_up(self, text: str, now: float) -> tuple[Client, float]:
        """Find without remembering; also until when that is so for whatever time is asked about."""
        if is_device_key(text):
            entry = self._table.get(text)
            return self._client(entry, entry.group) if entry else (Client(), inf)
        entry = self._table.get(text)
        if entry and entry.group and entry.expires > now:  # an address as it is written everywhere need not be parsed
            return self._client(entry, entry.group)
        try:
            address = parse_address(text)
        except ValueError:
            return Client(), inf
        entry = self._table.get(str(address))
        if entry is None or entry.expires <= now:
            return Client(self._group_of(address)), inf if entry is None else -inf  # an earlier time may be asked for
        return self._client(entry, entry.group or self._group_of(address))

    def _client(self, entry: Entry, group: str) -> tuple[Client, float]:
        return Client(group, entry.device, self._table.quarantined.get(entry.device, frozenset())), entry.expires

    def _group_of(self, address: IPv4Address | IPv6Address) -> str:
        return next(self._groups_of(address), "")

    def _groups_of(self, address: IPv4Address | IPv6Address) -> Iterator[str]:
        value, width = int(address), address.max_prefixlen
        for prefix_length, version in self._prefix_lengths:
            if version == address.version:
                shift = width - prefix_length
                group = self._networks[prefix_length, version].get(value >> shift << shift)
                if group is not None:
                    yield group
