"""Subscriptions: fetches a list by HTTP and keeps the last copy that could be read.

Whoever runs the other end, or the way there, must not gain by it: size, time and redirects are bounded, a redirect
never leads from a public server into the own network, and what replaces the last good copy has been parsed before.
"""

import asyncio
import errno
import json
import os
import socket
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.errors import InputError, Problem
from dnsfilter.feeds import sources
from dnsfilter.feeds.proof import check_digest, check_signature, parse_public_key
from dnsfilter.feeds.screening import RefusedError, Screen
from dnsfilter.settings.order import Blocklist

TOTAL_SECONDS = 300.0
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0
MAX_REDIRECTS = 5
MAX_REASON = 200
"""Characters of what may be the other end's own words."""

_OK = 200
_NOT_MODIFIED = 304
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HTML = frozenset(("text/html", "application/xhtml+xml"))
_CHUNK = 1 << 16
_VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


async def refresh(blocklist: Blocklist, directory: Path, *, may_shrink: bool = False) -> Path:
    """Bring the copy of a subscription up to date and return its path; InputError says why the old one stays.

    The copy's time of change is when the server last confirmed it, also where it had nothing newer.
    """
    problems: list[Problem] = []
    for url in map(URL, (blocklist.url or "", *blocklist.mirrors)):
        try:
            await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
            async with asyncio.timeout(TOTAL_SECONDS):
                return await _refresh(blocklist, url, directory, may_shrink=may_shrink)
        except TimeoutError:
            reason = "took too long"
        except InputError as error:
            problems += error.problems
            continue
        except RefusedError as refused:
            problems.append(Problem(str(refused), show(url), refused.line))
            continue
        except (ClientError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:MAX_REASON] or type(error).__name__
        problems.append(Problem(f"{show(url)}: {reason}", blocklist.name))
    raise InputError(problems)


async def _refresh(blocklist: Blocklist, url: URL, directory: Path, *, may_shrink: bool) -> Path:
    copy = sources.copy_path(blocklist, directory)
    validators = _read_validators(copy, url)
    with tempfile.TemporaryDirectory(dir=directory, prefix=f".{blocklist.name}.") as scratch:
        download = Path(scratch) / copy.name
        headers = await _fetch(url, validators, download)
        if headers is None:
            os.utime(copy)
            return copy
        await _prove(blocklist, url, download)
        entries = await asyncio.to_thread(_count, download, blocklist, show(url))
        known = 0 if may_shrink or not copy.is_file() else await asyncio.to_thread(_count_known, copy, blocklist)
        if entries < known * (1 - blocklist.max_shrink):
            raise ValueError(
                f"holds {entries:,} entries where the last good copy holds {known:,}, which is more than max_shrink "
                f"allows: `dnsfilter lists update --accept-shrink {blocklist.name}` takes it"
            )
        download.replace(copy)
        _write_validators(copy, url, headers, entries)
    return copy


async def _prove(blocklist: Blocklist, url: URL, download: Path) -> None:
    """Hold a download against its checksum and its signature, where the configuration asks for that."""
    if blocklist.checksum:
        text = await _fetch_beside(URL(blocklist.checksum), download)
        await asyncio.to_thread(check_digest, download, url.name, text)
    if blocklist.public_key:
        beside = URL(blocklist.signature) if blocklist.signature else url.with_name(f"{url.name}.minisig")
        text = await _fetch_beside(beside, download)
        await asyncio.to_thread(check_signature, download, text, parse_public_key(blocklist.public_key))


async def _fetch_beside(url: URL, download: Path) -> str:
    path = download.with_suffix(".proof")
    try:
        await _fetch(url, {}, path)
    except (ClientError, OSError, ValueError) as error:
        raise ValueError(f"{show(url)}: {error or type(error).__name__}") from None
    return path.read_text(encoding="utf-8")


def _count(path: Path, blocklist: Blocklist, shown: str) -> int:
    """Return how many entries a file holds; InputError where it is not a list."""
    try:
        text, _ = sources.read_text(path)
    except InputError as error:
        raise InputError([Problem(each.message, shown, each.line) for each in error.problems]) from None
    parsed = parse_list(text, shown, blocklist)
    return len(parsed.rules) + sum(map(len, parsed.names.values()))


def _count_known(copy: Path, blocklist: Blocklist) -> int:
    """Return how many entries the last good copy holds; 0 where it is of no use any more."""
    try:
        return int(json.loads(_validators_path(copy).read_text(encoding="utf-8"))["entries"])
    except (OSError, ValueError, TypeError, KeyError):
        pass
    try:
        return _count(copy, blocklist, str(copy))
    except InputError:
        return 0


async def _fetch(url: URL, validators: dict[str, str], path: Path) -> dict[str, str] | None:
    """Download to a file and return the headers to ask with next time; None where the copy is still current."""
    gate = Gate()
    timeout = ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    connector = TCPConnector(socket_factory=gate.open_socket, force_close=True)
    headers = validators | {"Accept-Encoding": "gzip"}
    async with ClientSession(connector=connector, timeout=timeout, headers=headers, auto_decompress=False) as session:
        for _ in range(MAX_REDIRECTS + 1):
            async with session.get(url, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    return await _receive(response, bool(validators), path)
                url = _next_url(response)
                gate.leave_configured_host()
    raise ValueError(f"more than {MAX_REDIRECTS} redirects")


def _next_url(response: ClientResponse) -> URL:
    url = response.url.join(URL(response.headers.get("Location", "")))
    if url.scheme not in ("http", "https") or (response.url.scheme == "https" and url.scheme == "http"):
        raise ValueError(f"redirect to {show(url)} refused: not https")
    return url


async def _receive(response: ClientResponse, is_conditional: bool, path: Path) -> dict[str, str] | None:  # noqa: FBT001
    if response.status == _NOT_MODIFIED and is_conditional:
        return None
    if response.status != _OK:
        raise ValueError(f"HTTP status {response.status} {(response.reason or '')[:80]}".rstrip())
    if response.content_type in _HTML:
        raise ValueError(f"is {response.content_type}, not a list")
    await _save(response, path)
    return {header: response.headers[name] for name, header in _VALIDATORS.items() if name in response.headers}


async def _save(response: ClientResponse, path: Path) -> None:
    screen = Screen()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async for data in _read_body(response):
            screen.pass_on(data)
            file.write(data)
    screen.finish()


async def _read_body(response: ClientResponse) -> AsyncIterator[bytes]:
    """Return the body in small pieces, whatever it was compressed to; ValueError where it is cut short."""
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise ValueError(f"content encoding {encoding[:40]} is not supported")
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    async for chunk in response.content.iter_chunked(_CHUNK):
        if gzip is None:
            yield chunk
            continue
        for data in _decompress(gzip, chunk):
            yield data
    if gzip and (not gzip.eof or gzip.unused_data):
        raise ValueError("compressed data ends early or not at its end")


def _decompress(gzip: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    try:
        while data := gzip.decompress(chunk, _CHUNK):
            yield data
            chunk = gzip.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"compressed data is damaged: {error}") from None


class Gate:
    """Decides at the moment of connecting, so that no name can change its address between check and connection."""

    def __init__(self) -> None:
        self._is_redirected = False
        self._was_private = False

    def leave_configured_host(self) -> None:
        """Note that from now on the other end chose where to go."""
        self._is_redirected = True

    def open_socket(self, target: tuple[Any, ...]) -> socket.socket:
        """Return a socket to connect to a target; OSError where that must not be."""
        family, kind, protocol, _, place = target
        address = ip_address(place[0].partition("%")[0])
        if is_never_a_server(address) or (self._is_redirected and not (is_public(address) or self._was_private)):
            raise PermissionError(errno.EACCES, f"connection to {address} refused: not a public address")
        if not self._is_redirected:
            self._was_private |= not is_public(address)
        return socket.socket(family, kind, protocol)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the Internet's."""
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_global and not address.is_multicast


def is_never_a_server(address: IPv4Address | IPv6Address) -> bool:
    """Whether no list can be there: cloud metadata (link-local), any, or many hosts."""
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_link_local or address.is_unspecified or address.is_multicast


def show(url: URL) -> str:
    """Return a URL for messages: without what may be a secret."""
    return str(url.with_user(None).with_query(None).with_fragment(None)) if url.host else str(url)[:80]


def _read_validators(copy: Path, url: URL) -> dict[str, str]:
    """Return the headers that ask for news only; none where there is no copy of this very URL."""
    try:
        stored = json.loads(_validators_path(copy).read_text(encoding="utf-8"))
        return dict(stored["headers"]) if copy.is_file() and stored["url"] == str(url) else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _write_validators(copy: Path, url: URL, headers: dict[str, str], entries: int) -> None:
    path = _validators_path(copy)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"url": str(url), "headers": headers, "entries": entries}), encoding="utf-8")


def _validators_path(copy: Path) -> Path:
    return copy.with_suffix(".json")
