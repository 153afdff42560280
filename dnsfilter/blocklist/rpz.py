"""A response policy zone in master file format (RFC 1035 section 5): QNAME triggers with block or PASSTHRU actions.

NXDOMAIN (`CNAME .`), NODATA (`CNAME *.`) and DROP all mean "listed" here: what a listed name gets is the policy's
decision, as with a resolver that overrides the actions of a zone. Other triggers and local data are refused by name.
"""

import re
from collections.abc import Iterator

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Findings, check_length, quote, read_name, split_lines
from dnsfilter.blocklist.parsed import Entry, Kind, ParsedList

MAX_RECORD_LINES = 100

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|;.*|[^\s();"]+|"')
_TTL = re.compile(r"(?:[0-9]+[smhdw]?)+")
_CLASSES = frozenset(("in", "ch", "hs"))
_TRIGGERS = frozenset(("rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname"))
_BLOCKING = frozenset((".", "*.", "rpz-drop."))
_BLOCKED = r"[ \t]+(?:[0-9]+[ \t]+)?(?:in[ \t]+)?cname[ \t]+\.[ \t]*"
_NOT_A_TRIGGER = "".join(rf"(?<!\.{label})" for label in sorted(_TRIGGERS))


class _Zone:
    """Where in the zone the reader is: owner names are relative to `origin`, triggers to `apex`."""

    def __init__(self) -> None:
        self.apex: str | None = None
        self._origin = ""
        self._owner = ""
        self.plain = self._compile_plain()

    def read_record(self, fields: list[str], *, inherits_owner: bool) -> Iterator[Entry]:
        """Return what one record or directive says; ValueError says what is wrong."""
        if fields[0].startswith("$"):
            self._read_directive(fields)
            return
        if not inherits_owner:
            self._owner = self._to_absolute(fields.pop(0))
        while fields and (_TTL.fullmatch(fields[0]) or fields[0] in _CLASSES):
            fields.pop(0)
        if not fields:
            raise ValueError("a record without a type")
        if fields[0] == "soa":
            self._begin_zone(self._owner)
        elif self._owner != (self.apex or ""):
            yield _read_action(self._find_trigger(), fields[0], fields[1:])

    def read_plain(self, line: re.Match[str]) -> Entry:
        """Return what a line of the commonest form says."""
        self._owner = f"{line[1] or ''}{line[2]}.{self.apex or ''}".removesuffix(".")
        return (Kind.BELOW if line[1] else Kind.EXACT), line[2]

    def _read_directive(self, fields: list[str]) -> None:
        if fields[0] == "$ttl":
            return
        if fields[0] != "$origin" or len(fields) != 2:  # noqa: PLR2004 - the directive and its name
            raise ValueError(f"{quote(' '.join(fields))} is not supported")
        self._origin = self._to_absolute(fields[1])
        if self.apex is None:
            self.apex = self._origin
        self.plain = self._compile_plain()

    def _begin_zone(self, apex: str) -> None:
        self.apex = apex
        if not self._origin:
            self._origin = apex
        self.plain = self._compile_plain()

    def _compile_plain(self) -> re.Pattern[str]:
        absolute = rf"\.{re.escape(self.apex)}\." if self.apex else r"\."
        tail = rf"(?:{absolute})?" if self._origin == (self.apex or "") else absolute
        return re.compile(rf"{NOT_TOO_LONG}(\*\.)?({NAME}){_NOT_A_TRIGGER}{tail}{_BLOCKED}")

    def _to_absolute(self, name: str) -> str:
        if name == "@":
            return self._origin
        if name.endswith("."):
            return name[:-1]
        return f"{name}.{self._origin}" if self._origin else name

    def _find_trigger(self) -> str:
        if not self.apex:
            return self._owner
        if not self._owner.endswith("." + self.apex):
            raise ValueError(f"{quote(self._owner)} is outside the zone {quote(self.apex)}")
        return self._owner.removesuffix("." + self.apex)


def _read_action(trigger: str, rrtype: str, rdata: list[str]) -> Entry:
    kind = trigger.rpartition(".")[2]
    if kind in _TRIGGERS:
        raise ValueError(f"{quote(trigger)}: trigger {kind} is not supported")
    is_below = trigger.startswith("*.")
    name = read_name(trigger.removeprefix("*."))
    if rrtype != "cname" or len(rdata) != 1:
        raise ValueError(f"{quote(trigger)}: local data ({rrtype.upper()[:20]}) is not supported")
    if rdata[0] in _BLOCKING:
        return (Kind.BELOW if is_below else Kind.EXACT), name
    if rdata[0] in ("rpz-passthru.", f"{name}."):  # the second is the first's older form
        return (Kind.PASSED_BELOW if is_below else Kind.PASSED_EXACT), name
    raise ValueError(f"{quote(trigger)}: action CNAME {quote(rdata[0])} is not supported")


def parse_rpz(text: str, file: str) -> ParsedList:
    """Parse a response policy zone; InputError when it is not one."""
    findings = Findings(file, text)
    zone = _Zone()
    record = _OpenRecord()
    for number, line in enumerate(split_lines(text, file), 1):
        plain = None if record.is_open else zone.plain.fullmatch(line)
        if plain:
            findings.add((zone.read_plain(plain),), number)
        elif line:
            _read_with_care(line, number, zone, record, findings)
    if record.is_open:
        findings.add_problem("a parenthesis is never closed", record.line)
    return findings.finish()


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
            entries = zone.read_record(record.fields, inherits_owner=record.inherits_owner)
            findings.add(list(entries), start)
    except ValueError as error:
        findings.add_problem(error, start)
