"""The catalogue, this project's own syntax: YAML whose entries each carry a role, a grade and why they are listed.

A catalogue is written by hand and decides what counts as evidence, so one with any error is refused as a whole.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, PlainValidator, ValidationError, WithJsonSchema, model_validator

from dnsfilter.blocklist.parsed import ParsedList
from dnsfilter.document import Document, Path, parse_document
from dnsfilter.errors import InputError, Problem
from dnsfilter.model import Grade, Match, Role, Rule
from dnsfilter.names import canonical, canonical_pattern
from dnsfilter.settings.order import BlockingAnswer, Blocklist
from dnsfilter.settings.section import Section
from dnsfilter.validation import describe_errors
from dnsfilter.values import DomainName, Label, Network

SPECIAL_TOP_LEVEL = frozenset({"invalid", "localhost", "onion", "test"})
"""Top-level domains with no names on the Internet (RFC 6761, RFC 7686)."""

_TEXT = WithJsonSchema({"type": "string"})


def _read_suffix(value: object) -> str:
    name = canonical(str(value))
    if "." not in name and name not in SPECIAL_TOP_LEVEL:
        raise ValueError("covers a whole top-level domain: too broad")
    return name


Suffix = Annotated[str, PlainValidator(_read_suffix), _TEXT]
Pattern = Annotated[str, PlainValidator(lambda value: canonical_pattern(str(value))), _TEXT]


class _Listed(Section):
    """What names and networks have in common; `source` and `why` are for people."""

    role: Role | None = None
    grade: Grade | None = None
    passthru: bool | None = None
    source: str = ""
    why: str = ""


class Entry(_Listed):
    """One suffix, exact name or pattern; `answer` overrides the policy's answer, `passthru` frees instead."""

    suffix: Suffix | None = None
    exact: DomainName | None = None
    pattern: Pattern | None = None
    answer: BlockingAnswer | None = None

    @model_validator(mode="after")
    def _has_one_name(self) -> "Entry":
        if sum(text is not None for text in (self.suffix, self.exact, self.pattern)) != 1:
            raise ValueError("needs one of suffix, exact and pattern")
        return self

    @property
    def match(self) -> Match:
        """How the entry covers names."""
        if self.exact is not None:
            return Match.EXACT
        return Match.PATTERN if self.pattern is not None else Match.SUFFIX

    @property
    def text(self) -> str:
        """The name or pattern."""
        return self.exact or self.pattern or self.suffix or ""


class ListedNetwork(_Listed):
    """Addresses that belong to the app's operator."""

    cidr: Network
    note: str = ""


class Catalogue(Section):
    """A whole catalogue; `role`, `grade` and `passthru` hold for every entry that does not say otherwise."""

    app: Label
    title: str = ""
    role: Role | None = None
    grade: Grade | None = None
    passthru: bool = False
    entries: tuple[Entry, ...] = Field(())
    networks: tuple[ListedNetwork, ...] = Field(())


def parse_catalogue(text: str, file: str, blocklist: Blocklist) -> ParsedList:
    """Parse a catalogue; InputError lists every problem with line and key."""
    document = parse_document(text, file)
    if not isinstance(document.data, dict):
        raise InputError([document.problem((), "must be a mapping with the keys app and entries")])
    try:
        catalogue = Catalogue.model_validate(document.data)
    except ValidationError as error:
        raise InputError(_by_line(describe_errors(document, error.errors()))) from None
    rules = dict(_make_rules(catalogue, blocklist))
    problems = _by_line(_find_duplicates(document, rules))
    if problems:
        raise InputError(problems)
    lines = tuple(document.problem(path, "").line for path in rules)
    return ParsedList(app=catalogue.app, title=catalogue.title, rules=tuple(rules.values()), rule_lines=lines)


def _by_line(problems: Iterator[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line)


def _make_rules(catalogue: Catalogue, blocklist: Blocklist) -> Iterator[tuple[Path, Rule]]:
    for index, entry in enumerate(catalogue.entries):
        rule = _make_rule(catalogue, blocklist, entry, entry.match, entry.text)
        yield ("entries", index, str(entry.match)), rule
    for index, network in enumerate(catalogue.networks):
        rule = _make_rule(catalogue, blocklist, network, Match.NETWORK, str(network.cidr))
        yield ("networks", index, "cidr"), rule


def _make_rule(catalogue: Catalogue, blocklist: Blocklist, listed: _Listed, match: Match, text: str) -> Rule:
    return Rule(
        blocklist=blocklist.name,
        app=catalogue.app,
        match=match,
        text=text,
        role=listed.role or catalogue.role or blocklist.role,
        grade=listed.grade or catalogue.grade or blocklist.grade,
        answer=listed.answer if isinstance(listed, Entry) else None,
        passthru=catalogue.passthru if listed.passthru is None else listed.passthru,
    )


def _find_duplicates(document: Document, rules: dict[Path, Rule]) -> Iterator[Problem]:
    first: dict[tuple[Match, str], Path] = {}
    for path, rule in rules.items():
        earlier = first.setdefault((rule.match, rule.text), path)
        if earlier != path:
            line = document.problem(earlier, "").line
            yield document.problem(path, f"{rule.text!r} is listed already on line {line}")
