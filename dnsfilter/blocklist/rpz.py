"""A response policy zone in master file format (RFC 1035 section 5): QNAME and IP triggers, block or PASSTHRU.

NXDOMAIN (`CNAME .`), NODATA (`CNAME *.`), DROP and addresses that lead nowhere all mean "listed" here: what a listed
name gets is the policy's decision, as with a resolver that overrides the actions of a zone. An IP trigger lists a
network. What a policy has no word for is refused by name, with where that word is.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

from dnsfilter.blocklist.lines import NAME, NOT_TOO_LONG, Findings, check_length, quote, read_name, split_lines
from dnsfilter.blocklist.parsed import Entry, Kind, ParsedList
from dnsfilter.model import Match, Rule
from dnsfilter.settings.order import Blocklist

MAX_RECORD_LINES = 100

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|;.*|[^\s();"]+|"')
_TTL = re.compile(r"(?:[0-9]+[smhdw]?)+")
_CLASSES = frozenset(("in", "ch", "hs"))
_IP = "rpz-ip"
_REFUSED = {
    "rpz-client-ip": "who asks is a matter of groups and of the policies that name them",
    "rpz-nsip": "a forwarder never sees the name servers of a name",
    "rpz-nsdname": "a forwarder never sees the name servers of a name",
}
"""Triggers that no policy can express, and why."""

_TRIGGERS = frozenset((_IP, *_REFUSED))
_BLOCKING = frozenset((".", "*.", "rpz-drop."))
_ADDRESSES = frozenset(("a", "aaaa"))
_BLOCKED = r"[ \t]+(?:[0-9]+[ \t]+)?(?:in[ \t]+)?cname[ \t]+\.[ \t]*"
_NOT_A_TRIGGER = "".join(rf"(?<!\.{label})" for label in sorted(_TRIGGERS))


class _Zone:
    """Where in the zone the reader is: owner names are relative to `origin`, triggers to `apex`."""

    def __init__(self) -> None:
        self.apex: str | None = None
        self.networks: list[tuple[str, bool]] = []
        self.network_lines: list[int] = []
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
            trigger = self._find_trigger()
            if trigger.endswith(f".{_IP}"):
                self.networks.append(_read_network(trigger, fields[0], fields[1:]))
            else:
                yield _read_action(trigger, fields[0], fields[1:])

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
    if kind in _REFUSED:
        raise ValueError(f"{quote(trigger)}: trigger {kind} is not supported: {_REFUSED[kind]}")
    is_below = trigger.startswith("*.")
    name = read_name(trigger.removeprefix("*."))
    if rrtype in _ADDRESSES and len(rdata) == 1 and _leads_nowhere(rdata[0]):
        return (Kind.BELOW if is_below else Kind.EXACT), name
    if rrtype != "cname" or len(rdata) != 1:
        raise ValueError(f"{quote(trigger)}: local data ({rrtype.upper()[:20]}) belongs into `records`")
    if rdata[0] in _BLOCKING:
        return (Kind.BELOW if is_below else Kind.EXACT), name
    if rdata[0] in ("rpz-passthru.", f"{name}."):  # the second is the first's older form
        return (Kind.PASSED_BELOW if is_below else Kind.PASSED_EXACT), name
    raise ValueError(f"{quote(trigger)}: action CNAME {quote(rdata[0])} is not supported: put the alias into `records`")


def _read_network(trigger: str, rrtype: str, rdata: list[str]) -> tuple[str, bool]:
    """Return a network and whether it is passed.

    An IP trigger is a prefix length, then the address from its end to its beginning; `zz` is IPv6's `::`.
    """
    length, *parts = trigger.removesuffix(f".{_IP}").split(".")
    if len(parts) == 4 and "zz" not in parts:  # noqa: PLR2004 - the octets of an IPv4 address
        address = ".".join(reversed(parts))
    else:
        address = ":".join("" if part == "zz" else part for part in reversed(parts))
        address = f":{address}" if parts[-1:] == ["zz"] else address
        address = f"{address}:" if parts[:1] == ["zz"] else address
    try:
        network = ip_network(f"{address}/{int(length)}")
    except ValueError as error:
        raise ValueError(f"{quote(trigger)}: {error}") from None
    if rrtype != "cname" or len(rdata) != 1 or rdata[0] not in {*_BLOCKING, "rpz-passthru."}:
        raise ValueError(f"{quote(trigger)}: an address can be listed or passed, and nothing else")
    return str(network), rdata[0] == "rpz-passthru."


def _leads_nowhere(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return found.is_unspecified or found.is_loopback


def parse_rpz(text: str, file: str, blocklist: Blocklist) -> ParsedList:
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
    rules = tuple(_make_rule(blocklist, *network) for network in zone.networks)
    return replace(findings.finish(), rules=rules, rule_lines=tuple(zone.network_lines))


def _make_rule(blocklist: Blocklist, network: str, passthru: bool) -> Rule:  # noqa: FBT001 - of a pair
    app = blocklist.app or blocklist.name
    return Rule(blocklist.name, app, Match.NETWORK, network, blocklist.role, blocklist.grade, passthru=passthru)


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
            zone.network_lines += [start] * (len(zone.networks) - len(zone.network_lines))
    except ValueError as error:
        findings.add_problem(error, start)
