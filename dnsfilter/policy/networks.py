"""Which rules' networks hold an address, longest prefix first: of the addresses that names lead to, or of who asks.

Addresses are packed (4 or 16 octets). Knows nothing of names and of policies.
"""

from collections.abc import Iterator
from ipaddress import ip_network

from dnsfilter.model import Rule


class Networks:
    """Rules by network; those of one network stay in the order in which they came."""

    def __init__(self) -> None:
        self._by_length: dict[tuple[int, int], dict[int, list[Rule]]] = {}
        self._lengths: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._lengths)

    def add(self, rule: Rule) -> None:
        """Add a rule whose text is a network."""
        network = ip_network(rule.text)
        prefix = int(network.network_address) >> network.max_prefixlen - network.prefixlen
        by_prefix = self._by_length.setdefault((network.prefixlen, network.max_prefixlen), {})
        by_prefix.setdefault(prefix, []).append(rule)
        if len(self._lengths) < len(self._by_length):
            self._lengths = sorted(self._by_length, reverse=True)

    def match(self, packed: bytes) -> list[Rule]:
        """Return the rules whose network holds an address."""
        value, width = int.from_bytes(packed), len(packed) * 8
        found: list[Rule] = []
        for prefix_length, network_width in self._lengths:
            if network_width == width:
                shift = width - prefix_length
                found += self._by_length[prefix_length, width].get(value >> shift, ())
        return found

    def first_octets(self) -> set[bytes]:
        """Return the first two octets of all addresses in the networks."""
        return {first for length, width in self._by_length for first in self._first_octets(length, width)}

    def _first_octets(self, length: int, width: int) -> Iterator[bytes]:
        for prefix in self._by_length[length, width]:
            first = prefix << width - length >> width - 16
            for octets in range(first, first + (1 << max(16 - length, 0))):
                yield octets.to_bytes(2, "big")
