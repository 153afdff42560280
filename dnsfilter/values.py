"""The scalar values of the configuration: durations, moments, endpoints, upstream servers, names.

Each type parses from its text, says what is wrong with ValueError, and prints back the same text.
"""

import re
from base64 import b64decode
from datetime import date, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from dnsfilter.names import canonical

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

DNS_PORT = 53
TLS_PORT = 853
HTTPS_PORT = 443
MAX_PORT = 65535

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ENDPOINT = re.compile(r"(?:\[(?P<v6>[^]]+)\]|(?P<v4>[^:]+)):(?P<port>[0-9]{1,5})")
_BRACKETED = re.compile(r"\[(?P<address>[^]]+)\](?::(?P<port>[0-9]{1,5}))?")
_URL = re.compile(r"https://(?P<place>[^/\s?#@]+)/[!-~]*")
_NAMED = re.compile(r"(?P<name>[^:\[\]]*[^:\[\]0-9.][^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_PLAIN = re.compile(r"(?P<address>[^:]+)(?::(?P<port>[0-9]{1,5}))?")
_PIN = re.compile(r"sha256/(?P<digest>[A-Za-z0-9+/]{43}=)")
_DIGEST_SIZE = 32


class Endpoint(NamedTuple):
    """An address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class UpstreamServer(NamedTuple):
    """An upstream as configured; `text` is what was written.

    `endpoint` is None for `system` (those of /etc/resolv.conf); its host is an address, except for `https` whose URL
    names a host. `hostname` is the name that the certificate must carry, its address where that is empty.
    """

    text: str
    scheme: Literal["system", "udp", "tls", "https"]
    endpoint: Endpoint | None = None
    hostname: str = ""

    def __str__(self) -> str:
        return self.text


def parse_duration(value: object) -> timedelta:
    """Parse `30s`, `10m`, `6h`, `7d`."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
    if not match:
        raise ValueError("is not a duration such as 30s, 10m, 6h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def format_duration(value: timedelta) -> str:
    """Print a duration in the largest unit that needs no fraction."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def parse_moment(value: object) -> datetime:
    """Parse a date (its midnight) or a time; naive where no offset is given: local to whoever knows the timezone."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the policy's timezone is added later
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("is not a date (2023-03-15) or a time (2023-03-15T06:00:00+01:00)") from None


def parse_endpoint(value: object) -> Endpoint:
    """Parse `address:port`, IPv6 as `[address]:port`."""
    match = _ENDPOINT.fullmatch(str(value))
    if not match:
        raise ValueError("is not address:port (IPv6 as [address]:port)")
    return Endpoint(_parse_host(match["v6"] or match["v4"]), _parse_port(match["port"]))


def parse_server(value: object) -> UpstreamServer:
    """Parse `192.0.2.53`, `[2001:db8::1]:5300`, `tls://192.0.2.55#dns.example`, `https://host/path` or `system`."""
    text = str(value)
    if text == "system":
        return UpstreamServer(text, "system")
    if text.startswith("https://"):
        return _parse_url(text)
    place, _, hostname = text.removeprefix("tls://").partition("#")
    if text.startswith("tls://"):
        return UpstreamServer(text, "tls", _parse_server_endpoint(place, TLS_PORT), hostname and canonical(hostname))
    return UpstreamServer(text, "udp", _parse_server_endpoint(place, DNS_PORT))


def _parse_url(text: str) -> UpstreamServer:
    match = _URL.fullmatch(text)
    if not match:
        raise ValueError("is not https://host/path")
    named = _NAMED.fullmatch(match["place"])
    if not named:
        return UpstreamServer(text, "https", _parse_server_endpoint(match["place"], HTTPS_PORT))
    hostname = canonical(named["name"])
    return UpstreamServer(text, "https", Endpoint(hostname, _parse_port(named["port"] or str(HTTPS_PORT))), hostname)


def _parse_server_endpoint(text: str, default_port: int) -> Endpoint:
    match = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
    if match:
        return Endpoint(_parse_host(match["address"]), _parse_port(match["port"] or str(default_port)))
    return Endpoint(_parse_host(text), default_port)


def _parse_host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"has no valid IP address ({text!r})") from None


def _parse_port(text: str) -> int:
    port = int(text)
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"has a port outside 1 to {MAX_PORT}")
    return port


def parse_pin(value: object) -> str:
    """Parse `sha256/` and the base64 of a digest of a public key (RFC 7858 section 4.2)."""
    match = _PIN.fullmatch(str(value))
    if not match or len(b64decode(match["digest"])) != _DIGEST_SIZE:
        raise ValueError("is not sha256/ and the base64 of 32 octets, 44 characters")
    return str(value)


def _text(pattern: str | None = None, description: str = "") -> WithJsonSchema:
    schema = {"type": "string"}
    if pattern:
        schema["pattern"] = pattern
    if description:
        schema["description"] = description
    return WithJsonSchema(schema)


Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    _text(r"^[0-9]{1,6}[smhd]$"),
]
Moment = Annotated[
    datetime,
    PlainValidator(parse_moment),
    PlainSerializer(datetime.isoformat, return_type=str),
    _text(description="a date, 2023-03-15, or a time, 2023-03-15T06:00:00+01:00"),
]
ListenEndpoint = Annotated[
    Endpoint,
    PlainValidator(parse_endpoint),
    PlainSerializer(str, return_type=str),
    _text(description="address:port, [address]:port"),
]
Server = Annotated[
    UpstreamServer,
    PlainValidator(parse_server),
    PlainSerializer(str, return_type=str),
    _text(description="address, address:port, tls://address#name, https://host/path or system"),
]
Pin = Annotated[str, PlainValidator(parse_pin), _text(r"^sha256/[A-Za-z0-9+/]{43}=$")]
DomainName = Annotated[str, PlainValidator(lambda value: canonical(str(value))), _text()]
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
