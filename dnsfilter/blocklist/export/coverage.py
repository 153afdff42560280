"""What policies make of every name that lists mention: the form that all exports are written from.

Asks the policy itself for a verdict, so that an export says what we say; knows no syntax.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import NamedTuple

from dnsfilter.model import CompiledList, DnsAction, Match, NameIndex, Rule
from dnsfilter.settings.order import Allow

Network = IPv4Network | IPv6Network
Data = tuple[str, ...]

FREE = DnsAction.RESOLVE
PROBE = "dnsfilter-export.probe"
"""Stands for any name below another; of two labels, so that no pattern of one matches it."""
_PART = "dnsfilter-export"


class Verdict(NamedTuple):
    """What a name gets; `data` are records that it is answered with in place of the sinkhole's address."""

    action: DnsAction
    data: Data = ()


Decide = Callable[[str], Verdict]


class LocalData(NamedTuple):
    """The records of a name, of what is below it, and those that both would have without it."""

    own: Data = ()
    below: Data = ()
    inherited: Data = ()


class Node(NamedTuple):
    """A name: what it gets, what is below it gets, and what both would get without it."""

    name: str
    own: DnsAction
    below: DnsAction
    inherited: DnsAction
    data: LocalData = LocalData()

    @property
    def is_change(self) -> bool:
        """Whether the name needs saying at all."""
        return len(set(self.data)) > 1 or not self.own == self.below == self.inherited


class Asker(NamedTuple):
    """Whoever asks from a network, and what he gets for every name."""

    network: str
    verdict: Verdict


class Networks(NamedTuple):
    """Blocked addresses of both families."""

    ipv4: Sequence[IPv4Network]
    ipv6: Sequence[IPv6Network]


@dataclass(frozen=True, slots=True)
class Coverage:
    """All nodes, parents first; `patterns` are those that the nodes say something else of."""

    nodes: Sequence[Node]
    patterns: Sequence[str]
    ipv4: Sequence[IPv4Network]
    ipv6: Sequence[IPv6Network]
    askers: Sequence[Asker] = ()

    @property
    def changes(self) -> Iterator[Node]:
        """The nodes that need saying."""
        return (node for node in self.nodes if node.is_change)


def survey(
    lists: Iterable[CompiledList], allow: Iterable[Allow], decide: Decide, askers: Sequence[Asker] = ()
) -> Coverage:
    """Ask about every name that lists and exemptions mention; `decide` answers RESOLVE where nothing is blocked."""
    rules = [rule for compiled in lists for rule in compiled.rules]
    names = {rule.text for rule in rules if rule.match in (Match.EXACT, Match.SUFFIX, Match.BELOW)}
    names.update(each.name for each in allow)
    for compiled in lists:
        names.update(_read_index(compiled.blocked), _read_index(compiled.passed))
    below: dict[str, Verdict] = {}
    nodes = [_ask(name, below, decide) for name in sorted(names, key=_from_the_top)]
    patterns = sorted({rule.text for rule in rules if rule.match is Match.PATTERN})
    lost = [pattern for pattern in patterns if _differs(pattern, below, decide)]
    return Coverage(nodes, lost, *find_networks(rules), askers)


def _from_the_top(name: str) -> str:
    return ".".join(reversed(name.split(".")))


def _read_index(index: NameIndex | None) -> Iterator[str]:
    return (key.rpartition(".")[0][::-1] for key in index) if index is not None else iter(())


def _ask(name: str, below: dict[str, Verdict], decide: Decide) -> Node:
    own, under, inherited = decide(name), decide(f"{PROBE}.{name}"), _find_above(name, below)
    below[name] = under
    data = LocalData(own.data, under.data, inherited.data)
    return Node(name, own.action, under.action, inherited.action, data)


def _find_above(name: str, below: dict[str, Verdict]) -> Verdict:
    """Return what the nearest name above says of what is below it."""
    parent = name.partition(".")[2]
    while parent:
        found = below.get(parent)
        if found is not None:
            return found
        parent = parent.partition(".")[2]
    return Verdict(FREE)


def _differs(pattern: str, below: dict[str, Verdict], decide: Decide) -> bool:
    name = pattern.replace("*", _PART)
    return (decide(name).action is FREE) != (_find_above(name, below).action is FREE)


def find_networks(rules: Iterable[Rule]) -> Networks:
    """Return the blocked addresses; of two networks the smaller one decides, of two equal ones the freeing one."""
    found: list[Network] = []
    listed = [(ip_network(rule.text), rule.passthru) for rule in rules if rule.match is Match.NETWORK]
    for network, is_freed in sorted(listed, key=lambda each: (each[0].prefixlen, each[1])):
        if is_freed:
            found = [rest for each in found for rest in _subtract(each, network)]
        else:
            found.append(network)
    return Networks(
        list(collapse_addresses(network for network in found if isinstance(network, IPv4Network))),
        list(collapse_addresses(network for network in found if isinstance(network, IPv6Network))),
    )


def _subtract(network: Network, freed: Network) -> Iterable[Network]:
    if network.version != freed.version or not network.overlaps(freed):
        return (network,)
    return () if network.subnet_of(freed) else network.address_exclude(freed)  # type: ignore[arg-type]
