"""Signs of an app beside names: fields of its requests, and certificates that it has pinned.

Only recognises, in what a proxy sees as in what was recorded; what follows is the policy's. What signs there are is
data (signs.yaml), which others read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dnsfilter.document import parse_document
from dnsfilter.model import PINNED, CompiledList, Grade, Match, Role, Rule

USER_AGENT = "user-agent"
MAX_FIELD = 4096
"""Characters of a field that are looked at, so that no client makes us look for long."""

DNS_OVER_HTTPS = "DNS over HTTPS"
"""What evidence says of RFC 8484 at a server that no list has."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of an app."""

    app: str
    name: str
    grade: Grade
    field: str
    pattern: re.Pattern[str]


def parse_signs(text: str, file: str) -> tuple[Sign, ...]:
    """Return the signs of a document."""
    apps: dict[str, list[dict[str, Any]]] = parse_document(text, file).data
    return tuple(
        Sign(app, entry["name"], Grade(entry["grade"]), entry["field"], re.compile(entry["pattern"]))
        for app, entries in apps.items()
        for entry in entries
    )


class SignRules:
    """The rules that signs stand for, by the lists in force: a policy about a list is about its app's signs too."""

    def __init__(self, lists: Sequence[CompiledList], signs: Iterable[Sign]) -> None:
        self._apps = {compiled.name: _apps_of(compiled) for compiled in lists}
        self._resolvers = {compiled.name: compiled.app for compiled in lists if _lists_resolvers(compiled)}
        self._by_field: dict[str, list[Sign]] = {}
        for sign in signs:
            self._by_field.setdefault(sign.field, []).append(sign)

    def find(self, fields: Mapping[str, str]) -> Iterator[tuple[Rule, ...]]:
        """Yield for the signs in a request, by its fields in lower case, the rules they stand for; once by name."""
        found = {(sign.app, sign.name): sign for sign in self._find_signs(fields)}
        return filter(None, map(self._of_sign, found.values()))

    def of_dns(self) -> tuple[Rule, ...]:
        """Return one rule for each list of other people's resolvers."""
        return tuple(
            Rule(name, app, Match.EXACT, DNS_OVER_HTTPS, Role.DOH, Grade.NONE) for name, app in self._resolvers.items()
        )

    def _find_signs(self, fields: Mapping[str, str]) -> Iterator[Sign]:
        for name, signs in self._by_field.items():
            text = fields.get(name, "")[:MAX_FIELD]
            if text:
                yield from (sign for sign in signs if sign.pattern.search(text))

    def _of_sign(self, sign: Sign) -> tuple[Rule, ...]:
        """Return one rule for each list about the sign's app."""
        lists = (name for name, apps in self._apps.items() if sign.app in apps)
        return tuple(Rule(name, sign.app, Match.EXACT, sign.name, Role.APP_API, sign.grade) for name in lists)


def pin(rule: Rule) -> Rule | None:
    """Return what a pinned certificate on a name stands for: as much as the name, and no second proof beside it."""
    return None if rule.grade is Grade.NONE else replace(rule, text=PINNED + rule.text)


def _apps_of(compiled: CompiledList) -> frozenset[str]:
    return frozenset({compiled.app, *(rule.app for rule in compiled.rules if not rule.passthru)})


def _lists_resolvers(compiled: CompiledList) -> bool:
    return compiled.role is Role.DOH or any(rule.role is Role.DOH for rule in compiled.rules)
