"""From the address of a sighting to the device that the store knows: pseudonym, group, may it be flagged."""

from collections.abc import Collection

from dnsfilter.clients.addresses import parse_address
from dnsfilter.clients.directory import Directory
from dnsfilter.evidence.record import Attribution
from dnsfilter.metrics import NO_GROUP
from dnsfilter.model import Client, Sighting
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import Attributed

MAX_REMEMBERED = 150_000
"""Addresses, some 300 octets each."""

_Identity = tuple[str, str, Attribution]


class Attributor:
    """Attributes sightings under one directory; `unflagged` are the groups that are never flagged."""

    def __init__(self, directory: Directory, unflagged: Collection[str], pseudonyms: Pseudonyms) -> None:
        self._directory = directory
        self._unflagged = unflagged
        self._pseudonyms = pseudonyms
        self._remembered: dict[str, tuple[_Identity, float]] = {}

    def attribute(self, sighting: Sighting) -> Attributed:
        """Return the sighting with the device that had the address then."""
        return Attributed(*self.identify(sighting.client, sighting.time), sighting)

    def identify(self, address: str, now: float) -> _Identity:
        """Return who had an address: pseudonym, group, may it be flagged."""
        remembered = self._remembered.get(address)
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        client, until = self._directory.look_up(address, now)
        identity = self._pseudonym(client, address), client.group or NO_GROUP, self._attribution(client)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[address] = identity, until
        return identity

    def _pseudonym(self, client: Client, address: str) -> str:
        if client.device:
            return self._pseudonyms.of_device(client.device)
        try:
            return self._pseudonyms.of_address(str(parse_address(address)))
        except ValueError:
            return self._pseudonyms.of_address(address)

    def _attribution(self, client: Client) -> Attribution:
        if client.group in self._unflagged:
            return Attribution.UNFLAGGED
        return Attribution.DEVICE if client.device else Attribution.UNKNOWN
