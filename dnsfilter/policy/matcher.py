"""Which rules cover a name or an address, most specific first.

Knows nothing of policies: that a rule covers a name does not yet mean that anything happens. Specific means exact,
then pattern, then longest suffix; where a list frees and another lists the same text, the freeing rule comes first.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from dnsfilter.model import CompiledList, Match, NameIndex, Rule
from dnsfilter.names import pattern_parent


@dataclass(slots=True)
class _Owner:
    """The rules that hang on one suffix."""

    exacts: list[Rule] = field(default_factory=list)
    patterns: list[tuple[re.Pattern[str], Rule]] = field(default_factory=list)
    suffixes: list[Rule] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Index:
    """A large name index and the rule that one of its names stands for."""

    names: NameIndex
    template: CompiledList
    passthru: bool

    def match(self, name: str) -> Iterator[Rule]:
        key = name[::-1] + "."
        if key + "=" in self.names:
            yield self._rule(Match.EXACT, name)
        for found in reversed(self.names.prefixes(key)):
            if found != key or key + "*" not in self.names:
                yield self._rule(Match.SUFFIX, found[-2::-1])

    def _rule(self, match: Match, text: str) -> Rule:
        template = self.template
        return Rule(template.name, template.app, match, text, template.role, template.grade, passthru=self.passthru)


class Matcher:
    """All rules of all lists, by what they cover."""

    def __init__(self, lists: Sequence[CompiledList]) -> None:
        self._owners: dict[str, _Owner] = {}
        self._networks: dict[tuple[int, int], dict[int, list[Rule]]] = {}
        for rule in sorted((rule for compiled in lists for rule in compiled.rules), key=_passthru_first):
            self._add(rule)
        self._prefix_lengths = sorted(self._networks, reverse=True)
        self.listed_prefixes = {
            first for length, width in self._networks for first in self._first_octets(length, width)
        }
        self._indexes = [
            _Index(names, compiled, passthru)
            for compiled in lists
            for names, passthru in ((compiled.passed, True), (compiled.blocked, False))
            if names is not None
        ]

    def match(self, name: str) -> list[Rule]:
        """Return the rules that cover a canonical name."""
        exacts: list[Rule] = []
        patterns: list[Rule] = []
        suffixes: list[Rule] = []
        owners = self._owners
        suffix = name
        while True:
            owner = owners.get(suffix)
            if owner is not None:
                if suffix is name:
                    exacts += owner.exacts
                if owner.patterns:
                    patterns += [rule for regex, rule in owner.patterns if regex.fullmatch(name)]
                suffixes += owner.suffixes
            dot = suffix.find(".")
            if dot < 0:
                break
            suffix = suffix[dot + 1 :]
        if len(patterns) > 1:
            patterns.sort(key=_specificity)
        found = exacts + patterns + suffixes
        if self._indexes:
            indexed = [rule for index in self._indexes for rule in index.match(name)]
            if indexed:
                return sorted(found + indexed, key=_specificity)
        return found

    def match_address(self, packed: bytes) -> list[Rule]:
        """Return the rules whose network holds an address (4 or 16 octets), longest prefix first."""
        value, width = int.from_bytes(packed), len(packed) * 8
        found: list[Rule] = []
        for prefix_length, network_width in self._prefix_lengths:
            if network_width == width:
                shift = width - prefix_length
                found += self._networks[prefix_length, width].get(value >> shift, ())
        return found

    def _first_octets(self, length: int, width: int) -> Iterator[bytes]:
        """Return the first two octets of the addresses in all networks of this length."""
        for prefix in self._networks[length, width]:
            first = prefix << width - length >> width - 16
            for octets in range(first, first + (1 << max(16 - length, 0))):
                yield octets.to_bytes(2, "big")

    def _add(self, rule: Rule) -> None:
        match rule.match:
            case Match.EXACT:
                self._owner(rule.text).exacts.append(rule)
            case Match.PATTERN:
                regex = re.compile("[^.]*".join(map(re.escape, rule.text.split("*"))))
                self._owner(pattern_parent(rule.text)).patterns.append((regex, rule))
            case Match.SUFFIX:
                self._owner(rule.text).suffixes.append(rule)
            case Match.NETWORK:
                network = ip_network(rule.text)
                prefix = int(network.network_address) >> network.max_prefixlen - network.prefixlen
                by_prefix = self._networks.setdefault((network.prefixlen, network.max_prefixlen), {})
                by_prefix.setdefault(prefix, []).append(rule)

    def _owner(self, suffix: str) -> _Owner:
        return self._owners.setdefault(suffix, _Owner())


_RANK = {Match.EXACT: 0, Match.PATTERN: 1, Match.SUFFIX: 2, Match.NETWORK: 3}


def _passthru_first(rule: Rule) -> bool:
    return not rule.passthru


def _specificity(rule: Rule) -> tuple[int, int, bool]:
    return _RANK[rule.match], -len(rule.text), not rule.passthru
