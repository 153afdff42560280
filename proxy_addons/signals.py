"""Signs of an app beside names: fields of its requests, certificates that it has pinned, DNS inside HTTP.

Only recognises; what follows is the policy's. What signs there are is data (signals.yaml).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from mitmproxy.http import Headers, Request

from dnsfilter.document import parse_document
from dnsfilter.model import PINNED, CompiledList, Grade, Match, Role, Rule

DNS_MESSAGE = "application/dns-message"
DNS_OVER_HTTPS = "DNS over HTTPS"
"""What evidence says of RFC 8484 at a server that no list has."""

_DISTRUST = ("unknown ca", "bad certificate", "certificate unknown")


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign of an app."""

    app: str
    name: str
    grade: Grade
    field: str
    pattern: re.Pattern[str]


@cache
def load_signals() -> dict[str, tuple[Signal, ...]]:
    """Return all signs by the field that they are in."""
    source = resources.files("proxy_addons").joinpath("signals.yaml")
    apps: dict[str, list[dict[str, Any]]] = parse_document(source.read_text(encoding="utf-8"), "signals.yaml").data
    by_field: dict[str, list[Signal]] = {}
    for app, entries in apps.items():
        for entry in entries:
            signal = Signal(app, entry["name"], Grade(entry["grade"]), entry["field"], re.compile(entry["pattern"]))
            by_field.setdefault(signal.field, []).append(signal)
    return {field: tuple(signals) for field, signals in by_field.items()}


def find_signals(headers: Headers) -> Iterator[Signal]:
    """Yield the signs in the fields of a request, strong ones before weak ones of the same field."""
    for field, signals in load_signals().items():
        text = headers.get(field)
        if text:
            yield from (signal for signal in signals if signal.pattern.search(text))


def speaks_dns(request: Request) -> bool:
    """Whether a request carries DNS, by its media type (RFC 8484 section 4.1)."""
    fields = request.headers
    return DNS_MESSAGE in fields.get("content-type", "").lower() or DNS_MESSAGE in fields.get("accept", "").lower()


def is_distrust(error: str | None) -> bool:
    """Whether a TLS handshake failed because the client did not want our certificate, by the alert that it sent."""
    return any(reason in (error or "") for reason in _DISTRUST)


class SignalRules:
    """The rules that signs stand for, by the lists in force: a policy about a list is about its app's signs too."""

    def __init__(self, lists: Sequence[CompiledList]) -> None:
        self._apps = {compiled.name: _apps_of(compiled) for compiled in lists}
        self._resolvers = {compiled.name: compiled.app for compiled in lists if _lists_resolvers(compiled)}

    def of_signal(self, signal: Signal) -> tuple[Rule, ...]:
        """Return one rule for each list about the sign's app."""
        lists = (name for name, apps in self._apps.items() if signal.app in apps)
        return tuple(Rule(name, signal.app, Match.EXACT, signal.name, Role.APP_API, signal.grade) for name in lists)

    def of_dns(self) -> tuple[Rule, ...]:
        """Return one rule for each list of other people's resolvers."""
        return tuple(
            Rule(name, app, Match.EXACT, DNS_OVER_HTTPS, Role.DOH, Grade.NONE) for name, app in self._resolvers.items()
        )


def pin(rule: Rule) -> Rule:
    """Return what a pinned certificate on a name stands for: as much as the name, and no second proof beside it."""
    return Rule(rule.blocklist, rule.app, rule.match, PINNED + rule.text, rule.role, rule.grade)


def _apps_of(compiled: CompiledList) -> frozenset[str]:
    return frozenset({compiled.app, *(rule.app for rule in compiled.rules if not rule.passthru)})


def _lists_resolvers(compiled: CompiledList) -> bool:
    return compiled.role is Role.DOH or any(rule.role is Role.DOH for rule in compiled.rules)
