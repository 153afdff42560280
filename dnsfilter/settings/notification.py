"""Sections about what goes out by itself: mail to owners, webhooks for programs, events for a SIEM."""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import PurePath
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, PlainValidator, StrictInt, WithJsonSchema, field_validator, model_validator

from dnsfilter.model import NOTICES, STANDING_EVENTS, EventKind
from dnsfilter.settings.section import Section
from dnsfilter.values import MAX_PORT, Duration, Label, parse_duration

MAIL = "mail"
"""The name of the outlet that mail to owners is."""

Language = Literal["en", "fr", "de", "nl"]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
_SERVER = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_SYSLOG = re.compile(rf"syslog\+(?P<scheme>tcp|tls)://(?P<host>{_HOST}):(?P<port>[0-9]{{1,5}})")
_SENDER = re.compile(r"[^<>@\r\n]*<[!-~]+@[!-~]+>|[!-~]+@[!-~]+")


class MailServer(NamedTuple):
    """A mail server; the port is None where the kind of connection decides."""

    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class EventTarget(NamedTuple):
    """Where events are written to; `path` is for a file, host and port are for syslog."""

    scheme: Literal["stdout", "file", "tcp", "tls"]
    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.scheme in ("tcp", "tls"):
            return f"syslog+{self.scheme}://{MailServer(self.host, self.port)}"
        return self.path or self.scheme


def parse_mail_server(value: object) -> MailServer:
    """Parse `mail.example`, `mail.example:587`, `[2001:db8::25]:25`."""
    match = _SERVER.fullmatch(str(value))
    if not match:
        raise ValueError("is not a host or host:port (IPv6 as [address]:port)")
    return MailServer(match["host"].strip("[]"), int(match["port"]) if match["port"] else None)


def parse_target(value: object) -> EventTarget:
    """Parse `stdout`, `syslog+tcp://host:port`, `syslog+tls://host:port`, or the path of a file."""
    text = str(value)
    if text == "stdout":
        return EventTarget("stdout")
    if match := _SYSLOG.fullmatch(text):
        port = int(match["port"])
        if not 0 < port <= MAX_PORT:
            raise ValueError(f"has a port outside 1 to {MAX_PORT}")
        return EventTarget("tls" if match["scheme"] == "tls" else "tcp", "", match["host"].strip("[]"), port)
    if not text or "://" in text or not PurePath(text).name:
        raise ValueError("is not stdout, a file, syslog+tcp://host:port or syslog+tls://host:port")
    return EventTarget("file", text)


Server = Annotated[
    MailServer,
    PlainValidator(parse_mail_server),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "host, host:port"}),
]
Target = Annotated[
    EventTarget,
    PlainValidator(parse_target),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "description": "stdout, a file, syslog+tcp://host:port or syslog+tls://host:port"}
    ),
]


class Notices(Section):
    """Mail to the owners of devices: none without `server` or `dry_run`."""

    server: Server | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca: str | None = None
    user: str = ""
    password_file: str | None = None
    sender: str = ""
    contact: str = ""
    language: Language = "en"
    kinds: tuple[EventKind, ...] = NOTICES
    remind_before: Duration = parse_duration("7d")
    per_hour: StrictInt = Field(500, ge=1)
    repeat_after: Duration = parse_duration("1d")
    give_up_after: Duration = parse_duration("3d")
    dry_run: bool = False

    @field_validator("kinds")
    @classmethod
    def _are_notices(cls, value: tuple[EventKind, ...]) -> tuple[EventKind, ...]:
        for kind in value:
            if kind not in NOTICES:
                raise ValueError(f"{kind.value} is none of {', '.join(NOTICES)}")
        return value

    @model_validator(mode="after")
    def _is_complete(self) -> "Notices":
        if self.is_wanted and not _SENDER.fullmatch(self.sender):
            raise ValueError(f"needs a sender such as IT security <it@corp.example>, not {self.sender!r}")
        if self.is_wanted and not self.contact:
            raise ValueError("needs a contact: whom owners can ask")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("needs user and password_file together")
        if self.user and self.security == "none":
            raise ValueError("would send the password in the clear: security must be starttls or tls")
        return self

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be mailed, or written in place of it."""
        return self.dry_run or self.server is not None

    @property
    def port(self) -> int:
        """The port of the server."""
        return (self.server.port if self.server else None) or _PORTS[self.security]


class Webhook(Section):
    """One URL that is told of events, signed with a secret; `identify` tells the id of the inventory, too."""

    name: Label
    url: str
    secret_file: str
    ca: str | None = None
    kinds: tuple[EventKind, ...] = STANDING_EVENTS
    identify: bool = False
    give_up_after: Duration = parse_duration("3d")
    dry_run: bool = False

    @field_validator("url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        is_private = parts.scheme == "http" and _is_loopback(parts.hostname or "")
        if not parts.hostname or (parts.scheme != "https" and not is_private) or parts.username or parts.password:
            raise ValueError("is not an https URL without a password (http only to this machine)")
        return value


class EventOutput(Section):
    """One place that events are written to as JSON lines."""

    name: Label
    to: Target
    ca: str | None = None
    kinds: tuple[EventKind, ...] = tuple(EventKind)
    give_up_after: Duration = parse_duration("7d")


Outlet = Notices | Webhook | EventOutput
"""A section by which something goes out."""


def limits_of(section: Outlet) -> tuple[int | None, timedelta]:
    """Return how many of the messages of an outlet go out in an hour, None for all, and when one is given up."""
    return (section.per_hour if isinstance(section, Notices) else None), section.give_up_after


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
