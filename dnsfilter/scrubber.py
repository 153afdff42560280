"""What of an upstream's answer is not passed on although no list covers it: private addresses, `ech`.

A private address withholds the whole answer, as in dnsmasq and Knot Resolver: whoever mixes addresses to get at one of
them is served by none. The additional section, which nobody has asked for, is cut off instead.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from dnsfilter.config import Configuration
from dnsfilter.model import Ech, Outcome
from dnsfilter.names import is_within_any
from dnsfilter.wire.codes import ExtendedError
from dnsfilter.wire.ech import remove_ech
from dnsfilter.wire.opt import build_extended_error
from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Answer, Records, build_soa

_PRIVATE = (build_extended_error(ExtendedError.BLOCKED, "private address for a public name"),)
_REMOVED = (build_extended_error(ExtendedError.FILTERED, "ech removed"),)
_KEPT = (build_extended_error(ExtendedError.OTHER, "ech kept, for it is signed"),)

_EMBEDDED_LAST = frozenset({0, 0xFFFF, 0x64FF9B << 64})
"""The first 96 bits of addresses that end in an IPv4 address: compatible, mapped (RFC 4291), NAT64 (RFC 6052)."""

_LOCAL_NAT64 = 0x64FF9B0001
"""The first 48 bits of translation prefixes of one's own (RFC 8215), which DNS64 makes 96 bits long."""

_6TO4 = 0x2002
_EMBEDDING = (b"\0\0", b"\0\x64", b"\x20\x02")
_IPV4_MASK = 0xFFFFFFFF
_IPV4_SIZE = 4


class Scrubbed(NamedTuple):
    """What is passed on, what the client is told of that (RFC 8914), what is counted; `outcome` where it is ours."""

    records: Records
    errors: Sequence[bytes] = ()
    counted: tuple[str, str] | None = None
    outcome: Outcome | None = None


class Scrubber:
    """Looks at answers by one configuration; unless it `is_guarding`, it need not look at ordinary ones."""

    def __init__(self, configuration: Configuration) -> None:
        rebinding = configuration.rebinding
        routed = (domain for upstream in configuration.upstreams for domain in upstream.domains)
        self._private_names = frozenset((*rebinding.allow, *routed))
        networks = rebinding.networks if rebinding.protect else ()
        self._networks = tuple(_to_prefix(network) for network in networks)
        self._nothing = build_soa(configuration.sinkhole.ttl)
        self.is_guarding = rebinding.protect
        self._prefixes = frozenset(_find_prefixes(networks))

    def concerns(self, answer: Answer) -> bool:
        """Whether an answer needs a closer look, which the additional section always does: every answer is asked."""
        if answer.has_ech:
            return True
        prefixes = self._prefixes
        return bool(prefixes) and (answer.additionals > 0 or not prefixes.isdisjoint(answer.prefixes))

    def scrub(self, query: Query, answer: Answer, ech: Ech) -> Scrubbed:
        """Return what of an answer is passed on, where the policy says `ech` of that parameter."""
        is_guarded = self._prefixes and not is_within_any(query.name, self._private_names)
        if is_guarded and any(map(self._is_private, answer.addresses)):
            return Scrubbed(self._nothing, _PRIVATE, ("rebinding", "withheld"), Outcome.BLOCKED)
        if answer.has_ech and ech is not Ech.KEEP:
            records = remove_ech(query.question, answer, even_signed=ech is Ech.REMOVE_SIGNED or not query.do)
            if records is None:
                return Scrubbed(answer, _KEPT, ("ech", "kept"))
            return Scrubbed(records, _REMOVED, ("ech", "removed"))
        if is_guarded and any(map(self._is_private, answer.glue)):
            return Scrubbed(answer.without_additionals(), counted=("rebinding", "trimmed"))
        return Scrubbed(answer)

    def _is_private(self, address: bytes) -> bool:
        """Whether an address of 4 or 16 octets, or the IPv4 address that it holds, is in one of the networks."""
        if address[:2] not in self._prefixes:
            return False
        value, width = int.from_bytes(address), len(address) * 8
        if self._is_listed(value, width):
            return True
        embedded = _find_embedded(value) if len(address) != _IPV4_SIZE else None
        return embedded is not None and self._is_listed(embedded, _IPV4_SIZE * 8)

    def _is_listed(self, value: int, width: int) -> bool:
        return any(value >> shift == prefix for size, shift, prefix in self._networks if size == width)


def _find_embedded(value: int) -> int | None:
    """Return the IPv4 address that an IPv6 address stands for."""
    if value >> 32 in _EMBEDDED_LAST or value >> 80 == _LOCAL_NAT64:
        return value & _IPV4_MASK
    return value >> 80 & _IPV4_MASK if value >> 112 == _6TO4 else None  # RFC 3056 section 2


def _to_prefix(network: IPv4Network | IPv6Network) -> tuple[int, int, int]:
    """Return the width of an address, how many of its bits do not count, and the value of the others."""
    shift = network.max_prefixlen - network.prefixlen
    return network.max_prefixlen, shift, int(network.network_address) >> shift


def _find_prefixes(networks: Iterable[IPv4Network | IPv6Network]) -> Iterator[bytes]:
    """Yield the first two octets of every address that may be in one of the networks."""
    for network in networks:
        yield from _EMBEDDING
        first = int(network.network_address) >> network.max_prefixlen - 16
        for octets in range(first, first + (1 << max(16 - network.prefixlen, 0))):
            yield octets.to_bytes(2, "big")
