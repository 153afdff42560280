"""What a list's text says, whatever its syntax: the vocabulary between the parsers and the compiler."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dnsfilter.errors import Problem
from dnsfilter.model import Rule


class Kind(StrEnum):
    """What a name without properties of its own covers: itself and all below, only itself, or only what is below."""

    SUFFIX = "suffix"
    EXACT = "exact"
    BELOW = "below"
    PASSED_SUFFIX = "passed-suffix"
    PASSED_EXACT = "passed-exact"
    PASSED_BELOW = "passed-below"


Entry = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class ParsedList:
    """A list as written: rules with properties of their own, canonical names that share the list's, and what is wrong.

    `app` and `title` are empty where the syntax cannot tell. `lines` says for each kind on which line each of its names
    stands, `rule_lines` the same of the rules.
    """

    app: str = ""
    title: str = ""
    rules: tuple[Rule, ...] = ()
    suffixes: list[str] = field(default_factory=list)
    exacts: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    passed_suffixes: list[str] = field(default_factory=list)
    passed_exacts: list[str] = field(default_factory=list)
    passed_below: list[str] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    lines: dict[Kind, Sequence[int]] = field(default_factory=dict)
    rule_lines: tuple[int, ...] = ()

    @property
    def names(self) -> dict[Kind, list[str]]:
        """The names of each kind."""
        return {
            Kind.SUFFIX: self.suffixes,
            Kind.EXACT: self.exacts,
            Kind.BELOW: self.below,
            Kind.PASSED_SUFFIX: self.passed_suffixes,
            Kind.PASSED_EXACT: self.passed_exacts,
            Kind.PASSED_BELOW: self.passed_below,
        }
