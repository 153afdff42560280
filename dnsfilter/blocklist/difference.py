"""What replacing one list by another newly blocks and frees: by what is covered, not by what is written.

An entry that another one covers already is no change. Looks at one list alone: what a second list or an exemption
makes of a name is the policy's business.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import NamedTuple

from dnsfilter.blocklist.parsed import Kind, ParsedList
from dnsfilter.model import Match
from dnsfilter.names import pattern_parent

Network = IPv4Network | IPv6Network

_KINDS = (
    (Kind.SUFFIX, True, True),
    (Kind.PASSED_SUFFIX, True, True),
    (Kind.BELOW, False, True),
    (Kind.PASSED_BELOW, False, True),
    (Kind.EXACT, True, False),
    (Kind.PASSED_EXACT, True, False),
)
"""Whether a kind covers the name and what is below it; a later one beats an earlier one of the same name."""


_SHOWN = {"exact": "{} (only itself)", "below": "*.{}", "client": "{} (whoever asks from there)"}


class Change(NamedTuple):
    """A name, pattern, network or client that becomes blocked or free; `covers` says how much of it."""

    is_blocked: bool
    covers: str
    text: str

    def __str__(self) -> str:
        return f"{'+' if self.is_blocked else '-'} {_SHOWN.get(self.covers, '{}').format(self.text)}"


class _Coverage:
    """What one list makes of every name: True blocked, False freed, by the name itself and by what is above it."""

    def __init__(self, parsed: ParsedList) -> None:
        self.own: dict[str, bool] = {}
        self.patterns: dict[str, bool] = {}
        networks: list[Network] = []
        clients: list[Network] = []
        by_kind = {kind: list(names) for kind, names in parsed.names.items()}
        for rule in parsed.rules:
            if rule.match in (Match.NETWORK, Match.CLIENT):
                by_address = clients if rule.match is Match.CLIENT else networks
                by_address += [] if rule.passthru else [ip_network(rule.text)]
            elif rule.match is Match.PATTERN:
                self.patterns[rule.text] = not rule.passthru
            else:
                by_kind[Kind(f"passed-{rule.match}" if rule.passthru else str(rule.match))].append(rule.text)
        self.networks, self.clients = _collapse(networks), _collapse(clients)
        self.passed = {name for kind, _, _ in _KINDS if kind.startswith("passed-") for name in by_kind[kind]}
        self.has_suffixes_only = not any(by_kind[kind] for kind, own, below in _KINDS if not (own and below))
        self.below = self.own if self.has_suffixes_only else {}
        for kind, covers_own, covers_below in _KINDS:
            verdicts = dict.fromkeys(by_kind[kind], not kind.startswith("passed-"))
            for covers, table in ((covers_own, self.own), (covers_below and not self.has_suffixes_only, self.below)):
                if covers:
                    table.update(verdicts)

    def blocks_below(self, name: str) -> bool:
        """Whether the list blocks what is below a name and has no entry nearer to it."""
        while name:
            found = self.below.get(name)
            if found is not None:
                return found
            name = name.partition(".")[2]
        return False

    def blocks_pattern(self, pattern: str) -> bool:
        """Whether the list blocks what a pattern matches."""
        found = self.patterns.get(pattern)
        return self.blocks_below(pattern_parent(pattern)) if found is None else found


def find_changes(old: ParsedList, new: ParsedList) -> list[Change]:
    """Return what changes, in the order of the names from the top-level domain down."""
    before, after = _Coverage(old), _Coverage(new)
    names = sorted(_find_differing(before, after), key=_from_the_top)
    changes = [change for name in names for change in _compare(before, after, name)]
    changes += [*_compare_patterns(before, after), *_compare_networks(before.networks, after.networks, "network")]
    return [*changes, *_compare_networks(before.clients, after.clients, "client")]


def _from_the_top(name: str) -> str:
    return ".".join(reversed(name.split(".")))


def _find_differing(before: _Coverage, after: _Coverage) -> set[str]:
    """Return the names of which the lists say different things; only there can a change begin."""
    found: set[str] = set()
    tables = [(before.own, after.own), (before.below, after.below)]
    for one, other in tables[: 1 if before.has_suffixes_only and after.has_suffixes_only else 2]:
        found.update([name for name in one if name not in other])  # a set of either would take as long again
        found.update([name for name in other if name not in one])
    freed = before.passed | after.passed
    found.update([name for name in freed if before.own.get(name) is not after.own.get(name)])
    found.update([name for name in freed if before.below.get(name) is not after.below.get(name)])
    return found


def _compare(before: _Coverage, after: _Coverage, name: str) -> Iterator[Change]:
    parent = name.partition(".")[2]
    inherited = was, becomes = before.blocks_below(parent), after.blocks_below(parent)
    own = before.own.get(name, was), after.own.get(name, becomes)
    below = before.below.get(name, was), after.below.get(name, becomes)
    if own == below:
        if own[0] is not own[1] and own != inherited:
            yield Change(own[1], "suffix", name)
        return
    for covers, verdicts in (("exact", own), ("below", below)):
        if verdicts[0] is not verdicts[1] and verdicts != inherited:
            yield Change(verdicts[1], covers, name)


def _compare_patterns(before: _Coverage, after: _Coverage) -> Iterator[Change]:
    for pattern in sorted(before.patterns.keys() | after.patterns.keys()):
        parent = pattern_parent(pattern)
        verdicts = before.blocks_pattern(pattern), after.blocks_pattern(pattern)
        if verdicts[0] != verdicts[1] and verdicts != (before.blocks_below(parent), after.blocks_below(parent)):
            yield Change(verdicts[1], "pattern", pattern)


def _compare_networks(before: list[Network], after: list[Network], covers: str) -> Iterator[Change]:
    for is_blocked, these, those in ((False, before, after), (True, after, before)):
        for network in these:
            if not any(_is_subnet(network, other) for other in those):
                yield Change(is_blocked, covers, str(network))


def _is_subnet(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]


def _collapse(networks: list[Network]) -> list[Network]:
    ipv4 = [network for network in networks if isinstance(network, IPv4Network)]
    ipv6 = [network for network in networks if isinstance(network, IPv6Network)]
    return [*collapse_addresses(ipv4), *collapse_addresses(ipv6)]
