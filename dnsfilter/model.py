"""Every noun of dnsfilter, as plain values.

Imports nothing of dnsfilter but errors; holds no behaviour beyond what a value says of itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

NEVER_BLOCK = "never-block"
CANARIES = "canaries"
SPECIAL_USE = "special-use"
ANSWERED_FIRST = frozenset({CANARIES, SPECIAL_USE})
"""The lists whose names have an answer of their own for everybody, before any policy; asking for one is no sighting."""

SELFTEST = "selftest.dnsfilter.invalid"
"""A name that is blocked for everybody and always, for the self-test to ask for."""


PINNED = "pinned "
"""Stands before the text of a rule where a device did not accept the proxy's certificate on the rule's name."""

LANGUAGES = ("en", "fr", "de", "nl")
"""Languages that notices to owners are written in."""


class Word(StrEnum):
    """A member of a closed set that is its own text; hashed as that text, for it is a key on the query path."""

    __hash__ = str.__hash__


class Role(Word):
    """What one of an app's names is for."""

    APP_API = "app-api"
    APP_TELEMETRY = "app-telemetry"
    CDN_MEDIA = "cdn-media"
    WEB = "web"
    EMBED = "embed"
    PIXEL = "pixel"
    ADS = "ads"
    SDK = "sdk"
    INFRA = "infra"
    DOH = "doh"
    CANARY = "canary"


class Grade(Word):
    """What a sighting of a name proves: `strong` means that only the installed app asks for it."""

    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"


class Channel(Word):
    """Where a device was seen asking for a listed name."""

    DNS = "dns"
    SNI = "sni"
    HTTP = "http"
    QUIC = "quic"
    IP = "ip"


class Transport(Word):
    """How a query reached us."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    HTTPS = "https"


class Phase(Word):
    """The stage of an order; before the first there is none."""

    OBSERVE = "observe"
    WARN = "warn"
    ENFORCE = "enforce"
    QUARANTINE = "quarantine"


class DnsAction(Word):
    """What the resolver does with a query for a name."""

    RESOLVE = "resolve"
    OBSERVE = "observe"
    SINKHOLE = "sinkhole"
    NULL = "null"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    REFUSED = "refused"
    DROP = "drop"

    @property
    def is_blocking(self) -> bool:
        """Whether the answer is made up by us; silence is one."""
        return self not in (DnsAction.RESOLVE, DnsAction.OBSERVE)


class Ech(Word):
    """What becomes of `ech` in service bindings, mildest first: removed where nobody can tell, or signed ones too."""

    KEEP = "keep"
    REMOVE = "remove"
    REMOVE_SIGNED = "remove-signed"


class ProxyAction(Word):
    """What the proxy does with a connection or a request for a name."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    OBSERVE = "observe"
    WARN = "warn"
    REFUSE = "refuse"


class Standing(Word):
    """Where a device stands towards the order."""

    CLEAR = "clear"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    QUARANTINED = "quarantined"
    EXEMPT = "exempt"
    UNATTRIBUTABLE = "unattributable"


class EventKind(Word):
    """What can happen that others are told of: about a device, an order's dates, or running it."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    QUARANTINED = "quarantined"
    EXEMPT = "exempt"
    CLEARED = "cleared"
    ANNOUNCEMENT = "announcement"
    REMINDER = "reminder"
    PHASE = "phase"
    RELOAD_FAILED = "reload-failed"
    LIST_REFUSED = "list-refused"
    CAP_REACHED = "cap-reached"
    BYPASS = "bypass"
    AUDIT = "audit"


STANDING_EVENTS = (
    EventKind.SUSPECTED,
    EventKind.CONFIRMED,
    EventKind.QUARANTINED,
    EventKind.EXEMPT,
    EventKind.CLEARED,
)
"""Events that are about the standing of one device."""

NOTICES = (
    EventKind.ANNOUNCEMENT,
    EventKind.REMINDER,
    EventKind.CONFIRMED,
    EventKind.QUARANTINED,
    EventKind.CLEARED,
)
"""Events that the owner of a device gets mail about."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that others are told of; `time` in seconds since the epoch, `device` a pseudonym or empty.

    `content` is what else there is to say, by field: texts, and lists of texts.
    """

    kind: EventKind
    time: float
    content: Mapping[str, str | list[str]]
    device: str = ""
    app: str = ""
    id: str = ""


class Outcome(Word):
    """How the resolver came to its answer: one per response."""

    BLOCKED = "blocked"
    OBSERVED = "observed"
    CACHED = "cached"
    STALE = "stale"
    RESOLVED = "resolved"
    LOCAL = "local"
    REFUSED = "refused"
    RATELIMITED = "ratelimited"
    ERROR = "error"


class Claim(Word):
    """How somebody says which device asks."""

    MAC = "mac"
    CLIENT_ID = "client-id"
    PROXY_TLV = "proxy-tlv"


class Credence(Word):
    """What becomes of a claim: it is that of a device, of none that is known there, or of nobody who may say so."""

    BELIEVED = "believed"
    UNKNOWN = "unknown"
    UNTRUSTED = "untrusted"


class Ending(Word):
    """Why we closed a client's connection."""

    IDLE = "idle"
    CLIENT = "client"
    FULL = "full"
    UNREAD = "unread"
    PROXY = "proxy"


class Match(Word):
    """What a rule's text covers: names, most specific first; addresses that a name leads to; or who asks.

    `below` is a suffix without the name itself.
    """

    EXACT = "exact"
    PATTERN = "pattern"
    SUFFIX = "suffix"
    BELOW = "below"
    NETWORK = "network"
    CLIENT = "client"


class ListFormat(Word):
    """The syntax of a blocklist."""

    CATALOGUE = "catalogue"
    DOMAINS = "domains"
    HOSTS = "hosts"
    ADBLOCK = "adblock"
    DNSMASQ = "dnsmasq"
    RPZ = "rpz"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a blocklist: which names (or addresses) it covers and what a sighting of one means.

    `text` is the canonical name, pattern or CIDR; `answer` overrides the policy's answer where the name needs its
    own (a canary); `passthru` frees the name instead of blocking it (RPZ's PASSTHRU). `data` are records without their
    owner, in presentation form, that are answered in place of the sinkhole's address (RPZ's LOCAL-DATA).
    """

    blocklist: str
    app: str
    match: Match
    text: str
    role: Role
    grade: Grade
    answer: DnsAction | None = None
    passthru: bool = False
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exemption:
    """A name freed by somebody's decision, from the `allow` section; `until` and `groups` already applied."""

    name: str
    reason: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one name for one client, with the reason.

    `rule` is the deciding rule or None when no rule covers the name; `policy`, `phase` are those that made it count.
    A name is free when that rule or an exemption frees it, and so is what it leads to. It is a probe when only the
    self-test asks for it: nobody's query, so that it is counted nowhere.
    """

    dns: DnsAction
    proxy: ProxyAction
    rule: Rule | None = None
    policy: str = ""
    phase: Phase | None = None
    exemption: Exemption | None = None
    is_blocking: bool = field(init=False, compare=False)
    is_sighting: bool = field(init=False, compare=False)
    is_free: bool = field(init=False, compare=False)
    is_probe: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once what the query path asks: is the answer ours, is the device recorded, is the name freed."""
        object.__setattr__(self, "is_blocking", self.dns.is_blocking)
        is_first = self.rule is not None and self.rule.blocklist in ANSWERED_FIRST
        object.__setattr__(self, "is_sighting", self.proxy is not ProxyAction.PASS and not is_first)
        is_free = self.exemption is not None or (self.rule is not None and self.rule.passthru)
        object.__setattr__(self, "is_free", is_free)
        object.__setattr__(self, "is_probe", is_first and self.rule is not None and self.rule.text == SELFTEST)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, as far as the address tells: the group and, where the inventory knows it, the device.

    `group` is empty for a client of no group, `device` (the inventory id) for one the inventory does not know;
    `quarantined` names the policies under which the device is quarantined; `triggers` are rules about who asks.
    """

    group: str = ""
    device: str = ""
    quarantined: frozenset[str] = frozenset()
    triggers: tuple[Rule, ...] = ()


class Device(NamedTuple):
    """One line of the inventory."""

    id: str
    name: str
    owner: str
    mail: str
    group: str
    macs: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    language: str = ""


class Sighting(NamedTuple):
    """A device tried to reach a listed name, `count` times within about a second.

    `time` is seconds since the epoch, `client` the address in text form; the qname itself is not kept, `rule` is.
    `is_resolved` where the proxy saw a client connect to an address that it must have got for the name from somebody.
    """

    time: float
    client: str
    app: str
    blocklist: str
    rule: str
    role: Role
    grade: Grade
    channel: Channel
    action: str
    group: str
    count: int = 1  # type: ignore[assignment]  # in place of the method of tuples, which nobody needs
    is_resolved: bool = False


class NameIndex(Protocol):
    """A large set of names, mapped from a snapshot.

    Keys are names reversed character by character plus a dot (`moc.elpmaxe.`), so that a rule is a prefix of what
    it covers. Such a key alone covers the name and all below; with `=` added it covers only the name itself; with `*`
    added it marks that the plain key covers only what is below the name (RPZ's wildcard).
    """

    def prefixes(self, key: str) -> list[str]:
        """Return the stored keys that `key` starts with, shortest first."""

    def __contains__(self, key: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class CompiledList:
    """A blocklist ready to be matched: rules with properties of their own, and names that share the list's.

    `entries` counts both; `blocked` and `passed` are None when empty; `changed` is when the source last changed.
    `title` is what people call the app, where the list says so.
    """

    name: str
    app: str
    role: Role
    grade: Grade
    entries: int
    rules: tuple[Rule, ...] = ()
    blocked: NameIndex | None = None
    passed: NameIndex | None = None
    changed: float = 0.0
    title: str = ""
