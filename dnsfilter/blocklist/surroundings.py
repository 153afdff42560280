"""What a list can hurt: names that must stay reachable, and why. The lint holds lists against it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dnsfilter.blocklist.suffixes import PublicSuffixes
from dnsfilter.config import Configuration
from dnsfilter.model import Match, Rule
from dnsfilter.values import UpstreamServer

_NO_SUFFIXES = PublicSuffixes({}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class Protected:
    """A name that blocking would hurt; `covers_below` tells whether what is below it would, too."""

    name: str
    covers_below: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`freed` are the names that the never-block list keeps reachable, `protected` those that nothing keeps."""

    suffixes: PublicSuffixes = _NO_SUFFIXES
    freed: dict[str, Protected] = field(default_factory=dict)
    protected: dict[str, Protected] = field(default_factory=dict)


def describe_surroundings(
    suffixes: PublicSuffixes, configuration: Configuration, never_block: Iterable[Rule], apps: Iterable[Rule]
) -> Surroundings:
    """Gather what must stay reachable: `apps` are the rules of the professional apps, which all but some may use."""
    protected = {each.name: each for each in _protect(apps, "a professional app needs it")}
    protected |= {each.name: each for each in _find_corporate(configuration)}
    freed = {each.name: each for each in _protect(never_block, "shared by others or needed by all")}
    return Surroundings(suffixes, freed, protected)


def _protect(rules: Iterable[Rule], reason: str) -> Iterator[Protected]:
    for rule in rules:
        if rule.match in (Match.EXACT, Match.SUFFIX):
            yield Protected(rule.text, rule.match is Match.SUFFIX, reason)


def _find_corporate(configuration: Configuration) -> Iterator[Protected]:
    """Yield the names that the configuration shows to be our own, or ourselves to depend on."""
    for upstream in configuration.upstreams:
        for domain in upstream.domains:
            yield Protected(domain, covers_below=True, reason="our own domain (upstreams)")
        for server in upstream.servers:
            if name := _server_name(server):
                yield Protected(name, covers_below=False, reason="one of our upstreams")
    for blocklist in configuration.blocklists:
        if blocklist.url:
            yield Protected(_host(blocklist.url), covers_below=False, reason=f"where {blocklist.name} is downloaded")
    for line in configuration.records:
        yield Protected(line.split()[0].lower().removesuffix("."), covers_below=False, reason="our own name (records)")


def _server_name(server: UpstreamServer) -> str:
    return server.hostname or (_host(server.text) if server.scheme == "https" else "")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0].lower()
