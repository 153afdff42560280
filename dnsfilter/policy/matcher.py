"""Which rules cover a name, an address or a client, most specific first.

Knows nothing of policies: that a rule covers a name does not yet mean that anything happens. Specific means exact,
then pattern, then longest suffix; where a list frees and another lists the same text, the freeing rule comes first.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from dnsfilter.model import CompiledList, Match, NameIndex, Rule
from dnsfilter.names import pattern_parent
from dnsfilter.policy.networks import Networks

MAX_BARE = 10_000
"""How many names with no rule at or above them are remembered: most queries are below one of them."""


@dataclass(slots=True)
class _Owner:
    """The rules that hang on one suffix; `covering` are those of what is below it."""

    exacts: list[Rule] = field(default_factory=list)
    patterns: list[tuple[re.Pattern[str], Rule]] = field(default_factory=list)
    suffixes: list[Rule] = field(default_factory=list)
    covering: list[Rule] = field(default_factory=list)


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
    """All rules of all lists, by what they cover.

    `match_address` returns the rules about a packed address that a name leads to; `listed_prefixes` are the first two
    octets of every address that it may find something for.
    """

    def __init__(self, lists: Sequence[CompiledList]) -> None:
        self._owners: dict[str, _Owner] = {}
        self._bare: set[str] = set()
        self._networks, self._clients = Networks(), Networks()
        for rule in sorted((rule for compiled in lists for rule in compiled.rules), key=_passthru_first):
            self._add(rule)
        self.listed_prefixes = self._networks.first_octets()
        self.match_address = self._networks.match
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
        found = [*own.exacts, *patterns, *own.suffixes] if own else patterns
        found += [rule for owner in above for rule in owner.covering]
        indexed = [rule for index in self._indexes for rule in index.match(name)]
        return sorted(found + indexed, key=_specificity) if indexed else found

    def match_client(self, address: str) -> list[Rule]:
        """Return the rules about who asks from an address, longest prefix first; what is no address has none."""
        try:
            return self._clients.match(ip_address(address).packed) if self._clients else []
        except ValueError:
            return []

    def _add(self, rule: Rule) -> None:
        match rule.match:
            case Match.EXACT:
                self._owner(rule.text).exacts.append(rule)
            case Match.PATTERN:
                self._owner(pattern_parent(rule.text)).patterns.append((_compile_pattern(rule.text), rule))
            case Match.SUFFIX:
                owner = self._owner(rule.text)
                owner.suffixes.append(rule)
                owner.covering.append(rule)
            case Match.BELOW:
                self._owner(rule.text).covering.append(rule)
            case Match.NETWORK:
                self._networks.add(rule)
            case Match.CLIENT:
                self._clients.add(rule)

    def _owner(self, suffix: str) -> _Owner:
        return self._owners.setdefault(suffix, _Owner())


def _compile_pattern(text: str) -> re.Pattern[str]:
    """Return the expression of a pattern; it never goes back, for the first place of each literal leaves most room."""
    first, *middle, last = map(re.escape, text.split("*"))
    return re.compile(first + "".join(f"(?>[^.]*?{literal})" for literal in middle) + "[^.]*" + last)


_RANK = {Match.EXACT: 0, Match.PATTERN: 1, Match.SUFFIX: 2, Match.BELOW: 2}


def _passthru_first(rule: Rule) -> bool:
    return not rule.passthru


def _specificity(rule: Rule) -> tuple[int, int, bool]:
    return _RANK[rule.match], -len(rule.text), not rule.passthru
