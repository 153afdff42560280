"""What a connection or a request names: ClientHello, CONNECT, request or destination -> targets, each with its channel.

Decides nothing and raises nothing: text that is neither a name nor an address counts as what a lenient server takes it
for.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from mitmproxy.http import HTTPFlow, Request
from mitmproxy.tls import ClientHelloData

from dnsfilter.model import Channel
from dnsfilter.names import MAX_LABEL, MAX_TEXT, canonical

SERVER_NAME = 0
HOST_NAME = 0
ENCRYPTED_CLIENT_HELLO = 0xFE0D
"""The extension that hides the real name behind that of a front; clients send a meaningless one to others, too."""

_NO_NAME = re.compile(r"[^a-z0-9_.-]")
_AUTHORITY = re.compile(r"\s*(?:.*@)?(\[[^\]]*\]|[^:]*?)\s*(?::.*)?", re.DOTALL)
_OLD_ADDRESS = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}", re.IGNORECASE)


class Target(NamedTuple):
    """A canonical name or an address that a client wants to reach, and where it said so."""

    value: str | IPv4Address | IPv6Address
    channel: Channel


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a connection to `text` would go to; IPv4 in all forms that inet_aton(3) knows."""
    if ":" not in text and not text[:1].isdigit():
        return None  # the common case, without the price of an exception
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return _read_old_address(text)
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _read_old_address(text: str) -> IPv4Address | None:
    if not _OLD_ADDRESS.fullmatch(text):
        return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def read_target(text: str, channel: Channel) -> Target | None:
    """Return what a host text stands for, None when it says nothing."""
    return (_remember if len(text) <= MAX_TEXT else _read_target)(text, channel)


def _read_target(text: str, channel: Channel) -> Target | None:
    address = read_address(text)
    if address is None:
        try:
            text = canonical(text)
        except ValueError:
            text = _mend(text)
        if not text:
            return None
        address = read_address(text)  # digits of other scripts become ASCII ones on the way to the server too
    return Target(text, channel) if address is None else Target(address, Channel.IP)


_remember = lru_cache(maxsize=4096)(_read_target)
"""One connection says its destination up to five times, and the next is often for the same."""


def _mend(text: str) -> str:
    """Return a name in place of a text that is none, as a lenient server reads it: what it is below still counts."""
    text = _NO_NAME.sub("_", text.partition("\0")[0].lower())
    labels = [label[:MAX_LABEL] for label in text.split(".") if label]
    while sum(map(len, labels)) + len(labels) > MAX_TEXT:
        del labels[0]
    return ".".join(labels)


def hello_targets(data: ClientHelloData) -> list[Target]:
    """Return every server name of a ClientHello, then where the connection is to go."""
    channel = Channel.QUIC if data.context.client.transport_protocol == "udp" else Channel.SNI
    names = [name for kind, body in data.client_hello.extensions if kind == SERVER_NAME for name in server_names(body)]
    return _read(names, channel) + destination_targets(data.context.server.address)


def hides_name(data: ClientHelloData) -> bool:
    """Whether a ClientHello may have another one inside, or looks like it (RFC 9849)."""
    return any(kind == ENCRYPTED_CLIENT_HELLO for kind, _ in data.client_hello.extensions)


def destination_targets(address: tuple[str, int] | tuple[str, int, int, int] | None) -> list[Target]:
    """Return the host of a destination: an address, or the name that the client gave to the proxy."""
    return _read([address[0]], Channel.HTTP) if address else []


def request_targets(flow: HTTPFlow) -> list[Target]:
    """Return every host that a request names: Host, authority and destination, and the SNI it came under."""
    request = flow.request
    hosts = [_host(text) for text in (*request.headers.get_all("host"), request.authority)]
    targets = _read([*hosts, request.host], Channel.HTTP)
    return targets + _read([flow.client_conn.sni or ""], Channel.SNI)


def has_body(request: Request) -> bool:
    """Whether a request announces content (RFC 9112 section 6)."""
    length = request.headers.get("content-length", "")
    return "transfer-encoding" in request.headers or length not in ("", "0")


def server_names(body: object) -> Iterator[str]:
    """Yield the host names of a server_name extension (RFC 6066 section 3), even of an ill-formed one."""
    if not isinstance(body, bytes):
        return
    position = 2
    while position + 3 <= len(body):
        start = position + 3
        end = start + int.from_bytes(body[position + 1 : start])
        if body[position] == HOST_NAME and end <= len(body):
            yield body[start:end].decode("utf-8", "replace")
        position = end


def _host(text: str) -> str:
    """Return a Host field without port and user information, more forgiving than RFC 9110 section 7.2 allows."""
    match = _AUTHORITY.fullmatch(text)
    return match[1] if match else text


def _read(texts: Iterable[str], channel: Channel) -> list[Target]:
    """Return each target once, in the order of the texts."""
    targets = [target for text in texts if text and (target := read_target(text, channel))]
    return list(dict.fromkeys(targets)) if len(targets) > 1 else targets
