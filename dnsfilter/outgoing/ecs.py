"""An event as one line of JSON with the field names of the Elastic Common Schema (ECS).

Whatever a text in it holds, the line is printable ASCII: it can neither end early nor say something to a terminal.
"""

import json
from typing import NamedTuple

from dnsfilter.model import Event, EventKind
from dnsfilter.outgoing.payload import to_text

ECS_VERSION = "8.17.0"
MAX_TEXT = 1_000
MAX_LIST = 50

_DELETE = "\x7f"


class _Class(NamedTuple):
    """How ECS classifies a kind; `severity` is that of syslog (RFC 5424 section 6.2.1): 4 warning, 5 notice, 6 info."""

    kind: str
    category: str
    type: str
    outcome: str
    severity: int


_CLASSES = {
    EventKind.SUSPECTED: _Class("alert", "host", "info", "unknown", 5),
    EventKind.CONFIRMED: _Class("alert", "host", "info", "success", 4),
    EventKind.QUARANTINED: _Class("alert", "host", "change", "success", 4),
    EventKind.EXEMPT: _Class("event", "host", "change", "success", 5),
    EventKind.CLEARED: _Class("event", "host", "change", "success", 5),
    EventKind.ANNOUNCEMENT: _Class("event", "configuration", "info", "success", 6),
    EventKind.REMINDER: _Class("event", "configuration", "info", "success", 6),
    EventKind.PHASE: _Class("event", "configuration", "change", "success", 5),
    EventKind.RELOAD_FAILED: _Class("event", "configuration", "error", "failure", 4),
    EventKind.LIST_REFUSED: _Class("event", "configuration", "error", "failure", 4),
    EventKind.CAP_REACHED: _Class("alert", "host", "info", "failure", 4),
    EventKind.BYPASS: _Class("alert", "network", "info", "unknown", 5),
    EventKind.AUDIT: _Class("event", "iam", "info", "success", 5),
}


def severity_of(kind: EventKind) -> int:
    """Return the severity that syslog gives a kind."""
    return _CLASSES[kind].severity


def write_line(event: Event, host: str, version: str) -> bytes:
    """Return an event as a line, without its end."""
    details: dict[str, object] = {key: _bounded(value) for key, value in sorted(event.content.items())}
    if event.app:
        details["app"] = event.app
    line: dict[str, object] = {
        "@timestamp": to_text(event.time),
        "ecs": {"version": ECS_VERSION},
        "message": _describe(event),
        "event": _classify(event),
        "observer": {"hostname": host, "product": "dnsfilter", "version": version, "type": "dns"},
        "dnsfilter": details,
    }
    if event.device:
        line["device"] = {"id": event.device}
    if "actor" in details:
        line["user"] = {"name": details["actor"]}
    return json.dumps(line, separators=(",", ":")).replace(_DELETE, r"\u007f").encode("ascii")


def _classify(event: Event) -> dict[str, object]:
    found = _CLASSES[event.kind]
    described: dict[str, object] = {
        "id": event.id,
        "kind": found.kind,
        "category": [found.category],
        "type": [found.type],
        "action": event.kind.value,
        "outcome": found.outcome,
        "severity": found.severity,
        "module": "dnsfilter",
        "dataset": "dnsfilter.events",
    }
    if "reason" in event.content:
        described["reason"] = _bounded(event.content["reason"])
    return described


def _describe(event: Event) -> str:
    concerned = " ".join(filter(None, (event.device, event.app)))
    before, after = event.content.get("before"), event.content.get("after")
    change = f" ({before} -> {after})" if before and after else ""
    return f"{event.kind.value}{': ' if concerned else ''}{concerned}{change}"


def _bounded(value: str | list[str]) -> str | list[str]:
    return value[:MAX_TEXT] if isinstance(value, str) else [each[:MAX_TEXT] for each in value[:MAX_LIST]]
