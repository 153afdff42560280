"""What is wrong with a list although it can be read: entries that hurt, that do nothing, or that mislead.

Pure: what the list is held against (`Surroundings`) and the time come from the caller. One pass over the names, because
lists have millions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

from dnsfilter.blocklist.parsed import Kind, ParsedList
from dnsfilter.blocklist.scripts import find_confusion
from dnsfilter.blocklist.suffixes import Sharing
from dnsfilter.blocklist.surroundings import Protected, Surroundings
from dnsfilter.errors import Problem
from dnsfilter.model import Match, Rule, Word
from dnsfilter.names import pattern_parent

MAX_COVERED = 3
"""How many of the names that one entry covers a finding tells."""


class Severity(Word):
    """`error` hurts people, `warning` does not do what its author meant, `note` is only superfluous."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """One finding; `line` is 0 where it is not known, `entry` the name as it is matched."""

    file: str
    line: int
    severity: Severity
    check: str
    entry: str
    message: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.entry}: " if self.entry else ""
        return f"{place}: {self.severity}: {subject}{self.message}; {self.advice}"


@dataclass(frozen=True, slots=True)
class _Group:
    """Entries of one kind; `meanings` are what else an entry says (role, grade, answer), None where nothing."""

    kind: Kind
    names: Sequence[str]
    lines: Sequence[int]
    meanings: Sequence[object] | None = None

    @property
    def is_freeing(self) -> bool:
        return self.kind.startswith("passed-")

    @property
    def covers_below(self) -> bool:
        return not self.kind.endswith("exact")


def lint(parsed: ParsedList, file: str, surroundings: Surroundings) -> list[Finding]:
    """Return the findings of one list by line; `file` is how they name it."""
    return sorted(_Linter(parsed, file, surroundings).find(), key=lambda finding: finding.line)


class _Linter:
    def __init__(self, parsed: ParsedList, file: str, surroundings: Surroundings) -> None:
        self._parsed = parsed
        self._file = file
        self._surroundings = surroundings
        self._groups = [*_group_names(parsed), *_group_rules(parsed)]
        self._suffixes: dict[bool, dict[str, tuple[object, int]]] = {False: {}, True: {}}
        for group in self._groups:
            if group.kind in (Kind.SUFFIX, Kind.PASSED_SUFFIX):
                meanings = group.meanings or [None] * len(group.names)
                entries = zip(meanings, group.lines, strict=True)
                self._suffixes[group.is_freeing].update(zip(group.names, entries, strict=True))

    def find(self) -> Iterator[Finding]:
        """Yield all findings, in no order."""
        for problem in self._parsed.problems:
            yield _describe_problem(problem, self._file)
        for group in self._groups:
            yield from self._find_duplicates(group)
            yield from self._find_confusing(group)
            if not group.is_freeing:
                yield from self._find_shadowed(group)
                yield from self._find_hurting(group)
                yield from self._find_broad(group)
        yield from self._find_covering()
        yield from self._find_in_rules()

    def _finding(self, line: int, severity: Severity, check: str, entry: str, message: str, advice: str) -> Finding:
        return Finding(self._file, line, severity, check, entry, message, advice)

    def _find_duplicates(self, group: _Group) -> Iterator[Finding]:
        if len(set(group.names)) == len(group.names):
            return
        first: dict[str, int] = {}
        for name, line in zip(group.names, group.lines, strict=True):
            if first.setdefault(name, line) != line:
                message = f"is listed already on line {first[name]}"
                yield self._finding(line, Severity.NOTE, "duplicate", name, message, "delete one of the two")

    def _find_shadowed(self, group: _Group) -> Iterator[Finding]:
        """Yield entries that a suffix of this list covers with the same meaning, and nothing nearer with another.

        Freeing ones are not among them: a longer one also frees from other lists' entries in between.
        """
        blocked, freed = self._suffixes[False], self._suffixes[True]
        if not blocked:
            return
        meanings = group.meanings or [None] * len(group.names)
        for name, line, meaning in zip(group.names, group.lines, meanings, strict=True):
            suffix = name.partition(".")[2] if group.kind is Kind.SUFFIX else name
            while suffix and suffix not in freed:
                found = blocked.get(suffix)
                if found is not None:
                    if found[0] == meaning:
                        message = f"is covered by {suffix} on line {found[1]}"
                        yield self._finding(line, Severity.NOTE, "shadowed", name, message, "delete it")
                    break
                suffix = suffix.partition(".")[2]

    def _find_confusing(self, group: _Group) -> Iterator[Finding]:
        for name, line in zip(group.names, group.lines, strict=True):
            if "xn--" in name and (reason := find_confusion(name)):
                advice = "check that this is the name that is meant"
                yield self._finding(line, Severity.WARNING, "mixed-scripts", name, reason, advice)

    def _find_hurting(self, group: _Group) -> Iterator[Finding]:
        """Yield entries at or below a name that must stay reachable."""
        freed, protected = self._surroundings.freed, self._surroundings.protected
        for name, line in zip(group.names, group.lines, strict=True):
            found = freed.get(name)
            if found and found.covers_below == group.covers_below:
                message = f"the never-block list frees this very name: {found.reason}"
                advice = "list the hosts below it that are meant"
                yield self._finding(line, Severity.WARNING, "never-block", name, message, advice)
            suffix = name
            while suffix:
                hurt = protected.get(suffix)
                if hurt and (hurt.covers_below or suffix == name):
                    yield self._hurts(line, name, hurt)
                    break
                suffix = suffix.partition(".")[2]

    def _hurts(self, line: int, name: str, hurt: Protected) -> Finding:
        what = "" if hurt.name == name else f"{hurt.name}: "
        return self._finding(line, Severity.ERROR, "protected", name, what + hurt.reason, "delete it, or name less")

    def _find_broad(self, group: _Group) -> Iterator[Finding]:
        if not group.covers_below:
            return
        suffixes = self._surroundings.suffixes
        rules, wildcards = suffixes.rules, suffixes.wildcards
        for name, line in zip(group.names, group.lines, strict=True):
            if name not in rules and name not in wildcards and name.partition(".")[2] not in wildcards:
                continue
            sharing = suffixes.find(name)
            if sharing is Sharing.REGISTRY:
                yield self._broad(line, name, "is a public suffix: everybody registers names below it")
            elif sharing is Sharing.HOST:
                yield self._broad(line, name, "is a public suffix: a host or content delivery network shared by many")

    def _broad(self, line: int, name: str, message: str) -> Finding:
        return self._finding(line, Severity.ERROR, "too-broad", name, message, "list the names below it that are meant")

    def _find_covering(self) -> Iterator[Finding]:
        """Yield suffixes above names that must stay reachable."""
        surroundings = self._surroundings
        covered: dict[tuple[str, int], list[Protected]] = {}
        for each in surroundings.protected.values():
            for suffix, line in self._find_above(each.name):
                covered.setdefault((suffix, line), []).append(each)
        for (suffix, line), hurt in covered.items():
            names = ", ".join(f"{each.name} ({each.reason})" for each in hurt[:MAX_COVERED])
            more = f" and {len(hurt) - MAX_COVERED} more" if len(hurt) > MAX_COVERED else ""
            advice = "list the names that are meant"
            yield self._finding(line, Severity.ERROR, "protected", suffix, f"covers {names}{more}", advice)

    def _find_above(self, name: str) -> Iterator[tuple[str, int]]:
        suffix = name.partition(".")[2]
        while suffix:
            found = self._suffixes[False].get(suffix)
            if found is not None:
                yield suffix, found[1]
            suffix = suffix.partition(".")[2]

    def _find_in_rules(self) -> Iterator[Finding]:
        for rule, line in zip(self._parsed.rules, self._parsed.rule_lines, strict=True):
            if rule.match is Match.PATTERN:
                yield from self._find_in_pattern(rule, line)
            elif rule.match is Match.CLIENT and not rule.passthru and not ip_network(rule.text).prefixlen:
                message = "holds every address, so that nobody is answered"
                yield self._finding(line, Severity.ERROR, "too-broad", rule.text, message, "name less")
            elif rule.match is Match.NETWORK and not rule.passthru and not ip_network(rule.text).is_global:
                message = "holds addresses that are not of the public Internet"
                yield self._finding(line, Severity.ERROR, "too-broad", rule.text, message, "name less")

    def _find_in_pattern(self, rule: Rule, line: int) -> Iterator[Finding]:
        if rule.passthru:
            return
        suffix = pattern_parent(rule.text)
        while suffix:
            hurt = self._surroundings.protected.get(suffix)
            if hurt and hurt.covers_below:
                yield self._hurts(line, rule.text, hurt)
            suffix = suffix.partition(".")[2]


def _group_names(parsed: ParsedList) -> Iterator[_Group]:
    for kind, names in parsed.names.items():
        if names:
            yield _Group(kind, names, parsed.lines.get(kind) or [0] * len(names))


def _group_rules(parsed: ParsedList) -> Iterator[_Group]:
    found: dict[Kind, list[tuple[Rule, int]]] = {}
    for rule, line in zip(parsed.rules, parsed.rule_lines, strict=True):
        if rule.match in (Match.EXACT, Match.SUFFIX, Match.BELOW):
            found.setdefault(Kind(f"passed-{rule.match}" if rule.passthru else str(rule.match)), []).append(
                (rule, line)
            )
    for kind, rules in found.items():
        names, lines = [rule.text for rule, _ in rules], [line for _, line in rules]
        yield _Group(kind, names, lines, [(rule.role, rule.grade, rule.answer, rule.data) for rule, _ in rules])


def _describe_problem(problem: Problem, file: str) -> Finding:
    return Finding(file, problem.line, Severity.ERROR, "bad-line", problem.key, problem.message, "mend or delete it")
