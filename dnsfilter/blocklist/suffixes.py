"""The public suffix list (publicsuffix.org): below which names anybody can have one of their own.

Reads the list's text, which is others' to keep current; its ICANN part names registries, its private part hosts and
content delivery networks that many share.
"""

from dataclasses import dataclass
from enum import StrEnum

import idna

_PRIVATE_PART = "===BEGIN PRIVATE DOMAINS==="


class Sharing(StrEnum):
    """By whom the names below a public suffix are given away."""

    REGISTRY = "registry"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class PublicSuffixes:
    """The rules of the list; those of `wildcards` make every name one label longer a suffix, but for `exceptions`."""

    rules: dict[str, Sharing]
    wildcards: dict[str, Sharing]
    exceptions: frozenset[str]

    def find(self, name: str) -> Sharing | None:
        """Return what a name is where it is a public suffix."""
        return self.rules.get(name) or self._find_wildcard(name)

    def _find_wildcard(self, name: str) -> Sharing | None:
        found = self.wildcards.get(name) or self.wildcards.get(name.partition(".")[2])
        return found if found and name not in self.exceptions else None


def parse_public_suffixes(text: str) -> PublicSuffixes:
    """Parse the list as published."""
    rules: dict[str, Sharing] = {}
    wildcards: dict[str, Sharing] = {}
    exceptions: set[str] = set()
    sharing = Sharing.REGISTRY
    for line in text.splitlines():
        if _PRIVATE_PART in line:
            sharing = Sharing.HOST
        rule = line.partition(" ")[0]
        if not rule or rule.startswith("//"):
            continue
        if rule.startswith("!"):
            exceptions.add(_to_a_labels(rule[1:]))
        elif rule.startswith("*."):
            wildcards[_to_a_labels(rule[2:])] = sharing
        else:
            rules[_to_a_labels(rule)] = sharing
    return PublicSuffixes(rules, wildcards, frozenset(exceptions))


def _to_a_labels(rule: str) -> str:
    return rule if rule.isascii() else idna.encode(rule, uts46=True).decode("ascii")
