"""A response policy zone in master file format (RFC 1035 section 5): its records; `triggers` tells what they mean.

What no policy can express is refused by name, with where it stands.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Findings, check_length, quote, split_lines
from dnsfilter.blocklist.parsed import Entry, Kind, ParsedList
from dnsfilter.blocklist.triggers import TRIGGERS, Action, Trigger, read_action, read_trigger
from dnsfilter.model import Grade, Match, Rule
from dnsfilter.settings.order import Blocklist

MAX_RECORD_LINES = 100
MAX_RULES = 50_000
"""How many triggers may have what names without properties do not: local data, or a network. Each takes a rule."""

MAX_DATA = 100
"""How many records of local data one trigger may have."""

DEFAULT_TTL = 60
MAX_TTL = (1 << 31) - 1

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|;.*|[^\s();"]+|"')
_TTL = re.compile(r"(?:[0-9]+[smhdw]?)+")
_TTL_PART = re.compile(r"([0-9]+)([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLASSES = frozenset(("in", "ch", "hs"))
_KINDS = {
    (Match.EXACT, False): Kind.EXACT,
    (Match.BELOW, False): Kind.BELOW,
    (Match.EXACT, True): Kind.PASSED_EXACT,
    (Match.BELOW, True): Kind.PASSED_BELOW,
}
"""By what a trigger is about and whether it is freed."""

_NOWHERE = r"(?:cname[ \t]+\.|a[ \t]+0\.0\.0\.0|aaaa[ \t]+::)"
_BLOCKED = rf"[ \t]+(?:[0-9]+[ \t]+)?(?:in[ \t]+)?{_NOWHERE}[ \t]*(?:;.*)?"
_NOT_A_TRIGGER = "".join(rf"(?<!\.{label})" for label in sorted(TRIGGERS))


@dataclass(slots=True)
class _Rules:
    """The rules of the triggers that a name without properties cannot stand for, each with its line."""

    blocklist: Blocklist
    found: list[Rule] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    _with_data: dict[Trigger, int] = field(default_factory=dict)

    def add(self, trigger: Trigger, action: Action, line: int) -> None:
        """Note what a record says of a trigger; ValueError where that is too much."""
        place = self._with_data.get(trigger) if action.data else None
        if place is not None:
            rule = self.found[place]
            if len(rule.data) >= MAX_DATA:
                raise ValueError(f"{quote(trigger.text)} has more than {MAX_DATA} records")
            self.found[place] = replace(rule, data=(*rule.data, action.data))
            return
        if len(self.found) >= MAX_RULES:
            raise ValueError(f"{quote(trigger.text)}: more than {MAX_RULES:,} triggers with local data or networks")
        if action.data:
            self._with_data[trigger] = len(self.found)
        self.found.append(self._make(trigger, action))
        self.lines.append(line)

    def _make(self, trigger: Trigger, action: Action) -> Rule:
        """Return a rule; that a client is listed proves nothing about what it asks for."""
        match, text = trigger
        listed = self.blocklist
        app = listed.app or listed.name
        is_client = match is Match.CLIENT
        grade = Grade.NONE if is_client else listed.grade
        answer = action.answer if is_client or action.data else None
        data = (action.data,) if action.data else ()
        return Rule(listed.name, app, match, text, listed.role, grade, answer, action.answer is None, data)


class _Zone:
    """Where in the zone the reader is: owner names are relative to `origin`, triggers to `apex`."""

    def __init__(self, rules: _Rules) -> None:
        self.apex: str | None = None
        self._rules = rules
        self._origin: str | None = None
        self._owner = ""
        self._ttl = DEFAULT_TTL
        self.plain = self._compile_plain()

    def read_record(self, fields: list[str], line: int, *, inherits_owner: bool) -> Iterator[Entry]:
        """Return what one record or directive says of names; ValueError says what is wrong."""
        if fields[0].startswith("$"):
            self._read_directive([field.lower() for field in fields])
            return
        if not inherits_owner:
            self._owner = self._to_absolute(fields.pop(0).lower())
        ttl = self._ttl
        while fields and (_TTL.fullmatch(fields[0].lower()) or fields[0].lower() in _CLASSES):
            text = fields.pop(0).lower()
            ttl = ttl if text in _CLASSES else _to_seconds(text)
        if not fields:
            raise ValueError("a record without a type")
        rrtype, *rdata = fields
        if rrtype.lower() == "soa":
            self._begin_zone(self._owner)
        elif self._owner != (self.apex or ""):
            owner = self._find_trigger()
            trigger = read_trigger(owner)
            action = read_action(trigger, owner, rrtype.lower(), rdata, self._origin or "", ttl)
            kind = _KINDS.get((trigger.match, action.answer is None))
            if kind and not action.data:
                yield kind, trigger.text
            else:
                self._rules.add(trigger, action, line)

    def read_plain(self, line: re.Match[str]) -> Entry:
        """Return what a line of the commonest form says."""
        self._owner = f"{line[1] or ''}{line[2]}.{self.apex or ''}".removesuffix(".")
        return (Kind.BELOW if line[1] else Kind.EXACT), line[2]

    def _read_directive(self, fields: list[str]) -> None:
        if fields[0] == "$ttl" and len(fields) == 2 and _TTL.fullmatch(fields[1]):  # noqa: PLR2004 - directive, value
            self._ttl = _to_seconds(fields[1])
            return
        if fields[0] != "$origin" or len(fields) != 2:  # noqa: PLR2004
            raise ValueError(f"{quote(' '.join(fields))} is not supported")
        self._origin = self._to_absolute(fields[1])
        if self.apex is None:
            self.apex = self._origin
        self.plain = self._compile_plain()

    def _begin_zone(self, apex: str) -> None:
        self.apex = apex
        if self._origin is None:
            self._origin = apex
        self.plain = self._compile_plain()

    def _compile_plain(self) -> re.Pattern[str]:
        absolute = rf"\.{re.escape(self.apex)}\." if self.apex else r"\."
        tail = rf"(?:{absolute})?" if (self._origin or "") == (self.apex or "") else absolute
        return re.compile(rf"{NOT_TOO_LONG}(\*\.)?({NAME}){_NOT_A_TRIGGER}{tail}{_BLOCKED}")

    def _to_absolute(self, name: str) -> str:
        if name == "@":
            return self._origin or ""
        if name.endswith("."):
            return name[:-1]
        return f"{name}.{self._origin}" if self._origin else name

    def _find_trigger(self) -> str:
        if not self.apex:
            return self._owner
        if not self._owner.endswith("." + self.apex):
            raise ValueError(f"{quote(self._owner)} is outside the zone {quote(self.apex)}")
        return self._owner.removesuffix("." + self.apex)


def _to_seconds(text: str) -> int:
    return min(sum(int(count) * _SECONDS[unit] for count, unit in _TTL_PART.findall(text)), MAX_TTL)


def parse_rpz(text: str, file: str, blocklist: Blocklist) -> ParsedList:
    """Parse a response policy zone; InputError when it is not one."""
    findings = Findings(file, text)
    rules = _Rules(blocklist)
    zone = _Zone(rules)
    record = _OpenRecord()
    lines = zip(split_lines(text, file), split_lines(text, file, is_folded=False), strict=True)
    for number, (line, written) in enumerate(lines, 1):
        plain = None if record.is_open else zone.plain.fullmatch(line)
        if plain:
            findings.add((zone.read_plain(plain),), number)
        elif line:
            _read_with_care(written, number, zone, record, findings)
    if record.is_open:
        findings.add_problem("a parenthesis is never closed", record.line)
    return findings.finish(rules.found, rules.lines)


class _OpenRecord:
    """A record under way, which parentheses may spread over several lines."""

    def __init__(self) -> None:
        self.line = 0
        self.fields: list[str] = []
        self.inherits_owner = False
        self._depth = 0
        self._lines = 0

    @property
    def is_open(self) -> bool:
        """Whether the record goes on in the next line."""
        return self._depth > 0

    def begin(self, number: int, *, inherits_owner: bool) -> None:
        """Start a new record at a line."""
        self.line, self.inherits_owner = number, inherits_owner
        self.fields, self._depth, self._lines = [], 0, 0

    def add(self, line: str) -> None:
        """Add the fields of a line; ValueError where parentheses do not fit."""
        self._lines += 1
        for part in _PART.findall(line):
            if part in "()":
                self._depth += 1 if part == "(" else -1
            elif not part.startswith(";"):
                self.fields.append(part)
        if self._depth < 0 or self._lines > MAX_RECORD_LINES:
            self._depth = 0
            raise ValueError("parentheses do not match")


def _read_with_care(line: str, number: int, zone: _Zone, record: _OpenRecord, findings: Findings) -> None:
    start = record.line if record.is_open else number
    try:
        check_length(line)
        if not record.is_open:
            record.begin(number, inherits_owner=line[0] in " \t")
        record.add(line)
        if record.fields and not record.is_open:
            entries = zone.read_record(record.fields, start, inherits_owner=record.inherits_owner)
            findings.add(list(entries), start)
    except ValueError as error:
        findings.add_problem(error, start)
