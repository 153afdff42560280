"""Sections about the order: which names, for whom, from when, and what follows."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, StrictInt, field_validator, model_validator

from dnsfilter.model import DnsAction, Ech, Grade, ListFormat, Phase, Role
from dnsfilter.settings.edns import ErrorText
from dnsfilter.settings.section import Section, check_timezone
from dnsfilter.values import DomainName, Duration, Label, Moment, Network, parse_duration

BlockingAnswer = Literal[DnsAction.SINKHOLE, DnsAction.NULL, DnsAction.NODATA, DnsAction.NXDOMAIN, DnsAction.REFUSED]

Url = Annotated[str, Field(pattern=r"^https?://[^/\s]\S*$")]

LeaseFormat = Literal["dnsmasq", "isc-dhcpd", "kea", "arp", "ip-neigh"]


class Blocklist(Section):
    """One list: a file (looked up beside the configuration, then among the shipped lists) or a subscription.

    `app`, `role` and `grade` describe what the entries of a list without such columns stand for. A download is refused
    that has lost more than the share `max_shrink` of its entries, does not fit the SHA-256 sums at `checksum`, or no
    signature (default: at `url` and `.minisig`) by the minisign `public_key`. `mirrors` are asked in turn.
    """

    name: Label
    file: str | None = None
    url: Url | None = None
    mirrors: tuple[Url, ...] = ()
    checksum: Url | None = None
    public_key: str | None = Field(None, pattern=r"^RW[A-Za-z0-9+/]{54}$")
    signature: Url | None = None
    max_shrink: float = Field(0.5, ge=0, le=1)
    format: ListFormat | None = None
    refresh: Duration = parse_duration("1d")
    app: Label | None = None
    role: Role = Role.INFRA
    grade: Grade = Grade.NONE

    @model_validator(mode="after")
    def _has_one_source(self) -> "Blocklist":
        if (self.file is None) == (self.url is None):
            raise ValueError("needs either file or url")
        extra = [key for key in ("mirrors", "checksum", "public_key", "signature") if getattr(self, key)]
        if extra and self.url is None:
            raise ValueError(f"{extra[0]} is for a list with a url")
        if self.signature and not self.public_key:
            raise ValueError("signature needs the public_key that it must be by")
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
    """One order: which lists, for whom, from when. Without `groups` it covers every client.

    `ech` says whether, from the first phase on, these clients get service bindings with Encrypted ClientHello.
    """

    name: Label
    blocklists: tuple[Label, ...] = Field(min_length=1)
    groups: tuple[Label, ...] = ()
    timezone: str | None = None
    phases: dict[Phase, Moment] = Field(min_length=1)
    answer: BlockingAnswer = DnsAction.SINKHOLE
    ede_text: ErrorText = ""
    ech: Ech = Ech.KEEP
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


def is_before(moment: datetime, other: datetime) -> bool:
    """Compare moments; where only one has an offset, as both stand written."""
    if (moment.tzinfo is None) == (other.tzinfo is None):
        return moment < other
    return moment.replace(tzinfo=None) < other.replace(tzinfo=None)
