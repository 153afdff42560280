"""The configuration: YAML text -> one typed, frozen value; all errors at once, each with file, line, key and value.

Reads no file and no clock. What only I/O can tell (does a file exist, can a port be bound) is said by who opens it.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Literal

from pydantic import Field, StrictInt, ValidationError, field_validator

from dnsfilter.document import Document, Path, parse_document
from dnsfilter.errors import InputError, Problem
from dnsfilter.model import CANARIES, NEVER_BLOCK, SPECIAL_USE
from dnsfilter.settings.edns import Chaos, Cookies, ErrorText, Nsid
from dnsfilter.settings.forwarding import Forwarding
from dnsfilter.settings.identity import Identity
from dnsfilter.settings.notification import MAIL, EventOutput, Notices, Outlet, Webhook
from dnsfilter.settings.operation import Privacy, Proxy, Sample, Selftest, Store
from dnsfilter.settings.order import Allow, Blocklist, Group, Leases, Policy
from dnsfilter.settings.rebinding import Rebinding
from dnsfilter.settings.resolver import Cache, Connections, Listen, RateLimit, Sinkhole, Upstream, Waiting
from dnsfilter.settings.section import Section, check_timezone
from dnsfilter.validation import describe_errors
from dnsfilter.values import Network

SHIPPED_LISTS = frozenset({"bypass", "professional-apps", "tiktok"})
"""Lists that a policy may name without defining them."""

BUILT_IN_LISTS = frozenset({CANARIES, NEVER_BLOCK, SPECIAL_USE})


class Configuration(Section):
    """Everything an operator decides; a key left out has the default given here."""

    state: str = "var"
    user: str | StrictInt = ""
    group: str | StrictInt = ""
    listen: Listen = Listen()
    workers: StrictInt | Literal["auto"] = Field(1)
    allow_clients: tuple[Network, ...] = tuple(
        ip_network(text)
        for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
    )
    rate_limit: RateLimit = RateLimit()
    connections: Connections = Connections()
    waiting: Waiting = Waiting()
    cookies: Cookies = Cookies()
    nsid: Nsid = ""
    chaos: Chaos = Chaos()
    ede_text: ErrorText = ""
    upstreams: tuple[Upstream, ...] = (Upstream(servers=("system",)),)
    forwarding: Forwarding = Forwarding()
    records: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    rebinding: Rebinding = Rebinding()
    cache: Cache = Cache()
    canaries: bool = True
    timezone: str = "UTC"
    blocklists: tuple[Blocklist, ...] = ()
    allow: tuple[Allow, ...] = ()
    groups: tuple[Group, ...] = ()
    inventory: str | None = None
    leases: tuple[Leases, ...] = ()
    identity: Identity = Identity()
    policies: tuple[Policy, ...] = ()
    sinkhole: Sinkhole = Sinkhole()
    proxy: Proxy = Proxy()
    store: Store = Store()
    privacy: Privacy = Privacy()
    sample: Sample = Sample()
    selftest: Selftest = Selftest()
    notices: Notices = Notices()
    webhooks: tuple[Webhook, ...] = ()
    events: tuple[EventOutput, ...] = ()

    @property
    def implied_blocklists(self) -> tuple[Blocklist, ...]:
        """The shipped lists that policies name and `blocklists` does not define."""
        defined = {blocklist.name for blocklist in self.blocklists}
        named = [name for policy in self.policies for name in (*policy.blocklists, *policy.quarantine.blocklists)]
        return tuple(Blocklist(name=name, file=f"{name}.yaml") for name in dict.fromkeys(named) if name not in defined)

    @property
    def outlets(self) -> dict[str, Outlet]:
        """By name, everything by which something goes out."""
        mail: dict[str, Outlet] = {MAIL: self.notices} if self.notices.is_wanted else {}
        return mail | {each.name: each for each in self.webhooks} | {each.name: each for each in self.events}

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
    outlets = _pick(data, ("webhooks", ..., "name")) | _pick(data, ("events", ..., "name"))
    yield from _find_duplicates(document, outlets)
    for place, name in outlets.items():
        if name == MAIL:
            yield document.problem(place, f"{name!r} is the name under which notices go out")
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
