"""The configuration: YAML text -> one typed, frozen value; all errors at once, each with file, line, key and value.

Reads no file and no clock. What only I/O can tell (does a file exist, can a port be bound) is said by who opens it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, field_validator, model_validator

from dnsfilter.document import Document, Path, parse_document
from dnsfilter.errors import InputError, Problem
from dnsfilter.model import CANARIES, NEVER_BLOCK, SPECIAL_USE, DnsAction, Grade, ListFormat, Phase, Role
from dnsfilter.validation import describe_errors
from dnsfilter.values import DomainName, Duration, Label, ListenEndpoint, Moment, Network, Server, parse_duration

SHIPPED_LISTS = frozenset({"bypass", "professional-apps", "tiktok"})
"""Lists that a policy may name without defining them."""

BUILT_IN_LISTS = frozenset({CANARIES, NEVER_BLOCK, SPECIAL_USE})

BlockingAnswer = Literal[DnsAction.SINKHOLE, DnsAction.NULL, DnsAction.NODATA, DnsAction.NXDOMAIN, DnsAction.REFUSED]


class Section(BaseModel):
    """A mapping of the configuration: every key known, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Certificate(Section):
    """Certificate chain and private key, PEM files."""

    chain: str
    key: str


class Listen(Section):
    """Where the resolver and its metrics listen.

    `name` is the resolver's own, which the certificate carries; with it clients are told of tls and https (RFC 9462).
    """

    dns: tuple[ListenEndpoint, ...] = ("127.0.0.1:5353", "[::1]:5353")  # type: ignore[assignment]
    tls: tuple[ListenEndpoint, ...] = ()
    https: tuple[ListenEndpoint, ...] = ()
    certificate: Certificate | None = None
    name: DomainName | None = None
    metrics: ListenEndpoint = "127.0.0.1:9153"  # type: ignore[assignment]

    @model_validator(mode="after")
    def _has_a_certificate(self) -> "Listen":
        if (self.tls or self.https) and self.certificate is None:
            raise ValueError("needs a certificate for tls and https")
        return self

    @property
    def is_designated(self) -> bool:
        """Whether clients are told where they can ask encrypted."""
        return bool(self.name and (self.tls or self.https))


class RateLimit(Section):
    """How many queries one client may ask; 0 queries per second means no limit."""

    per_client_qps: StrictInt = Field(1000, ge=0)
    burst: StrictInt = Field(2000, ge=1)


class Upstream(Section):
    """Resolvers to ask, for everything or for the names at and below `domains` (conditional forwarding).

    `ca` is a PEM file with the authorities that may vouch for servers over TLS or HTTPS, in place of the system's.
    """

    servers: tuple[Server, ...] = Field(min_length=1)
    domains: tuple[DomainName, ...] = ()
    ca: str | None = None


class Cache(Section):
    """Bounds of the cache of one worker; times in seconds."""

    entries: StrictInt = Field(100_000, ge=0)
    min_ttl: StrictInt = Field(0, ge=0, le=3600)
    max_ttl: StrictInt = Field(86_400, ge=1)
    max_negative_ttl: StrictInt = Field(3_600, ge=1)


class Blocklist(Section):
    """One list: a file (looked up beside the configuration, then among the shipped lists) or a subscription.

    `app`, `role` and `grade` describe what the entries of a list without such columns stand for.
    """

    name: Label
    file: str | None = None
    url: str | None = Field(None, pattern=r"^https?://\S+$")
    format: ListFormat | None = None
    refresh: Duration = parse_duration("1d")
    app: Label | None = None
    role: Role = Role.INFRA
    grade: Grade = Grade.NONE

    @model_validator(mode="after")
    def _has_one_source(self) -> "Blocklist":
        if (self.file is None) == (self.url is None):
            raise ValueError("needs either file or url")
        return self

    @field_validator("refresh")
    @classmethod
    def _is_positive(cls, value: timedelta) -> timedelta:
        if not value:
            raise ValueError("must be longer than no time")
        return value

    @property
    def syntax(self) -> ListFormat:
        """The format, told by the file's ending where it is not given."""
        if self.format:
            return self.format
        return ListFormat.CATALOGUE if (self.file or "").endswith((".yaml", ".yml")) else ListFormat.DOMAINS


class Allow(Section):
    """An exemption: a name, and everything below it, that no blocklist blocks, by somebody's decision."""

    name: DomainName
    reason: str = Field(min_length=1)
    owner: str = ""
    approved_by: str = ""
    ticket: str = ""
    until: Moment | None = None
    groups: tuple[Label, ...] = ()


class Group(Section):
    """Devices that are treated alike: by inventory, or by network."""

    name: Label
    networks: tuple[Network, ...] = ()
    flag: bool = True
    trusts_ca: bool = False


LeaseFormat = Literal["dnsmasq", "isc-dhcpd", "kea", "arp", "ip-neigh"]


class Leases(Section):
    """A DHCP server's lease file or a neighbour table, which tells the MAC behind an address."""

    file: str
    format: LeaseFormat = "dnsmasq"


class Quarantine(Section):
    """What a device with confirmed evidence loses in the quarantine phase, and the brakes on it."""

    blocklists: tuple[Label, ...] = ()
    release_after: Duration = parse_duration("7d")
    max_devices: StrictInt = Field(50, ge=0)
    dry_run: bool = False


class Policy(Section):
    """One order: which lists, for whom, from when. Without `groups` it covers every client."""

    name: Label
    blocklists: tuple[Label, ...] = Field(min_length=1)
    groups: tuple[Label, ...] = ()
    timezone: str | None = None
    phases: dict[Phase, Moment] = Field(min_length=1)
    answer: BlockingAnswer = DnsAction.SINKHOLE
    quarantine: Quarantine = Quarantine()

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str | None) -> str | None:
        return value if value is None else check_timezone(value)

    @field_validator("phases")
    @classmethod
    def _is_in_order(cls, phases: dict[Phase, datetime]) -> dict[Phase, datetime]:
        dates = [(phase, phases[phase]) for phase in Phase if phase in phases]
        for (earlier, first), (later, second) in pairwise(dates):
            if is_before(second, first):
                raise ValueError(f"{later} ({second}) comes before {earlier} ({first})")
        return phases


class Sinkhole(Section):
    """The addresses that listed names get, and how long the answer lives."""

    ipv4: IPv4Address = IPv4Address("127.0.0.1")
    ipv6: IPv6Address = IPv6Address("::1")
    ttl: StrictInt = Field(10, ge=0, le=3600)


class Proxy(Section):
    """The proxy: mitmproxy mode specifications, worker count, metrics endpoint; no proxy without `listen`.

    `contact` is whom the notice page tells people to ask.
    """

    listen: tuple[str, ...] = ()
    workers: StrictInt = Field(1, ge=1, le=64)
    metrics: ListenEndpoint = "127.0.0.1:9154"  # type: ignore[assignment]
    contact: str = ""


class Store(Section):
    """Where sightings and devices are kept, and for how long."""

    url: str = Field("sqlite:///dnsfilter.db", pattern=r"^(sqlite|postgresql)(\+\w+)?://")
    retention: Duration = parse_duration("90d")


class Privacy(Section):
    """The key of the pseudonyms, how many devices may show as metric series, and how few as a segment of statistics."""

    pseudonym_key: str = "pseudonym.key"
    device_series: StrictInt = Field(100, ge=0, le=10_000)
    minimum_segment: StrictInt = Field(5, ge=1)


class Configuration(Section):
    """Everything an operator decides; a key left out has the default given here."""

    state: str = "var"
    listen: Listen = Listen()
    workers: StrictInt | Literal["auto"] = Field(1)
    allow_clients: tuple[Network, ...] = tuple(
        ip_network(text)
        for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
    )
    rate_limit: RateLimit = RateLimit()
    upstreams: tuple[Upstream, ...] = (Upstream(servers=("system",)),)
    records: tuple[str, ...] = ()
    cache: Cache = Cache()
    canaries: bool = True
    timezone: str = "UTC"
    blocklists: tuple[Blocklist, ...] = ()
    allow: tuple[Allow, ...] = ()
    groups: tuple[Group, ...] = ()
    inventory: str | None = None
    leases: tuple[Leases, ...] = ()
    policies: tuple[Policy, ...] = ()
    sinkhole: Sinkhole = Sinkhole()
    proxy: Proxy = Proxy()
    store: Store = Store()
    privacy: Privacy = Privacy()

    @property
    def implied_blocklists(self) -> tuple[Blocklist, ...]:
        """The shipped lists that policies name and `blocklists` does not define."""
        defined = {blocklist.name for blocklist in self.blocklists}
        named = [name for policy in self.policies for name in (*policy.blocklists, *policy.quarantine.blocklists)]
        return tuple(Blocklist(name=name, file=f"{name}.yaml") for name in dict.fromkeys(named) if name not in defined)

    @field_validator("workers")
    @classmethod
    def _is_worker_count(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 1 <= value <= 256:  # noqa: PLR2004 - more sockets help nobody
            raise ValueError("must be auto or 1 to 256")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        return check_timezone(value)

    @field_validator("upstreams")
    @classmethod
    def _has_a_default(cls, value: tuple[Upstream, ...]) -> tuple[Upstream, ...]:
        if all(upstream.domains for upstream in value):
            raise ValueError("needs one entry without domains: it answers for all other names")
        return value

    @field_validator("records")
    @classmethod
    def _is_zone_data(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            if "\n" in line:
                raise ValueError(f"{line!r} holds more than one line")
        return value


def is_before(moment: datetime, other: datetime) -> bool:
    """Compare moments; where only one has an offset, as both stand written."""
    if (moment.tzinfo is None) == (other.tzinfo is None):
        return moment < other
    return moment.replace(tzinfo=None) < other.replace(tzinfo=None)


def check_timezone(value: str) -> str:
    """Return the name of a timezone that exists; ValueError otherwise."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a timezone such as Europe/Brussels") from None
    return value


def parse_configuration(text: str, file: str) -> Configuration:
    """Parse and check a whole configuration; InputError lists every problem."""
    document = parse_document(text, file)
    if document.data is None:
        return Configuration()
    if not isinstance(document.data, dict):
        raise InputError([document.problem((), "must be a mapping of keys")])
    problems = list(_find_broken_references(document))
    try:
        configuration = Configuration.model_validate(document.data)
    except ValidationError as error:
        problems += describe_errors(document, error.errors())
    if problems:
        raise InputError(sorted(problems, key=lambda problem: problem.line))
    return configuration


def _find_broken_references(document: Document) -> Iterator[Problem]:
    """Find names used but not defined, in data that may not be valid otherwise."""
    data = document.data
    blocklists, groups = (set(_pick(data, (section, ..., "name")).values()) for section in ("blocklists", "groups"))
    for section in ("blocklists", "groups", "policies"):
        yield from _find_duplicates(document, _pick(data, (section, ..., "name")))
    for path, names, noun in (
        (("policies", ..., "blocklists", ...), blocklists | SHIPPED_LISTS, "blocklist"),
        (("policies", ..., "quarantine", "blocklists", ...), blocklists | SHIPPED_LISTS, "blocklist"),
        (("policies", ..., "groups", ...), groups, "group"),
        (("allow", ..., "groups", ...), groups, "group"),
    ):
        for place, name in _pick(data, path).items():
            if name not in names:
                yield document.problem(place, f"there is no {noun} {name!r}")
    for place, name in _pick(data, ("blocklists", ..., "name")).items():
        if name in BUILT_IN_LISTS:
            yield document.problem(place, f"{name!r} is the name of a list that is always in force")


def _pick(data: Any, pattern: tuple[Any, ...], path: Path = ()) -> dict[Path, str]:  # noqa: ANN401 - whatever YAML held
    """Return the texts at a path of keys, in which `...` stands for every index of a list."""
    if not pattern:
        return {path: data} if isinstance(data, str) else {}
    key, rest = pattern[0], pattern[1:]
    if key is ...:
        items = enumerate(data) if isinstance(data, list) else ()
        return {place: text for index, item in items for place, text in _pick(item, rest, (*path, index)).items()}
    return _pick(data[key], rest, (*path, key)) if isinstance(data, dict) and key in data else {}


def _find_duplicates(document: Document, names: dict[Path, str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, name in names.items():
        if name in seen:
            yield document.problem(path, f"{name!r} is used twice")
        seen.add(name)
