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

MAX_BARE = 10_000
"""How many names with no rule at or above them are remembered: most queries are below one of them."""


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
        self._bare: set[str] = set()
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
        owners = self._owners
        own = owners.get(name)
        above: list[_Owner] = []
        parent = name.partition(".")[2]
        if parent and parent not in self._bare:
            above = self._find_above(parent)
        if own is None and not above and not self._indexes:
            return []
        return self._collect(name, own, above)

    def _find_above(self, parent: str) -> list[_Owner]:
        """Return the owners at a name and above it, longest first; remember a name that has none."""
        found: list[_Owner] = []
        suffix = parent
        while True:
            owner = self._owners.get(suffix)
            if owner is not None:
                found.append(owner)
            dot = suffix.find(".")
            if dot < 0:
                break
            suffix = suffix[dot + 1 :]
        if not found:
            if len(self._bare) >= MAX_BARE:
                self._bare.clear()
            self._bare.add(parent)
        return found

    def _collect(self, name: str, own: _Owner | None, above: list[_Owner]) -> list[Rule]:
        owners = [own, *above] if own else above
        patterns = [rule for owner in owners for regex, rule in owner.patterns if regex.fullmatch(name)]
        if len(patterns) > 1:
            patterns.sort(key=_specificity)
        found = [*(own.exacts if own else ()), *patterns, *(rule for owner in owners for rule in owner.suffixes)]
        indexed = [rule for index in self._indexes for rule in index.match(name)]
        return sorted(found + indexed, key=_specificity) if indexed else found

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
                self._owner(pattern_parent(rule.text)).patterns.append((_compile_pattern(rule.text), rule))
            case Match.SUFFIX:
                self._owner(rule.text).suffixes.append(rule)
            case Match.NETWORK:
                network = ip_network(rule.text)
                prefix = int(network.network_address) >> network.max_prefixlen - network.prefixlen
                by_prefix = self._networks.setdefault((network.prefixlen, network.max_prefixlen), {})
                by_prefix.setdefault(prefix, []).append(rule)

    def _owner(self, suffix: str) -> _Owner:
        return self._owners.setdefault(suffix, _Owner())


def _compile_pattern(text: str) -> re.Pattern[str]:
    """Return the expression of a pattern; it never goes back, for the first place of each literal leaves most room."""
    first, *middle, last = map(re.escape, text.split("*"))
    return re.compile(first + "".join(f"(?>[^.]*?{literal})" for literal in middle) + "[^.]*" + last)


_RANK = {Match.EXACT: 0, Match.PATTERN: 1, Match.SUFFIX: 2, Match.NETWORK: 3}


def _passthru_first(rule: Rule) -> bool:
    return not rule.passthru


def _specificity(rule: Rule) -> tuple[int, int, bool]:
    return _RANK[rule.match], -len(rule.text), not rule.passthru
