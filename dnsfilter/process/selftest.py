"""The self-test: asks for a name that is always blocked, the way clients ask, and looks at what comes back.

One path per way in: each transport that the resolver serves, the proxy, and the page behind the sinkhole. Resolver and
proxy know the name and count it nowhere. Where `allow_clients` leaves out the address that is asked from, being refused
is right: it shows that somebody answers, and no more. So it is at a proxy that asks for a password, which we have not.
"""

import asyncio
import contextlib
import http.client
import logging
import re
import secrets
import socket
import ssl
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import ip_address

from dnsfilter.config import Configuration
from dnsfilter.delivery.threads import call
from dnsfilter.errors import WireError
from dnsfilter.model import SELFTEST, Transport
from dnsfilter.server.sockets import is_available
from dnsfilter.settings.resolver import Listen
from dnsfilter.values import Endpoint, Network
from dnsfilter.wire.codes import Class, Rcode, Type
from dnsfilter.wire.framing import frame
from dnsfilter.wire.name import from_text
from dnsfilter.wire.proxy_protocol import LOCAL_HEADER
from dnsfilter.wire.response import Answer

PROXY = "proxy"
PAGE = "page"
TIMEOUT = 3.0
REFUSED_STATUS = 451
"""What the proxy answers to a request for a refused name (RFC 7725)."""
STRANGER_STATUS = http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
"""What a proxy with users answers to everybody else, whatever they ask for."""

PAUSE = 0.5
"""Seconds after which is looked again whether anybody is there to ask."""

_MAX_RESPONSE = 65_535
_MODE = re.compile(r"(?:regular|upstream:.+?)(?:@(?:(?P<host>.+):)?(?P<port>\d+))?")
_DEFAULT_PROXY = 8080
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - names where to ask, listens nowhere
_TAIL = struct.pack("!HH", Type.A, Class.IN)
_HEADER_SIZE = 12
_RCODE_BITS = 0x0F

Probe = Callable[[], bool]
Ask = Callable[[Endpoint, bytes, Sequence[Network]], bytes]

_log = logging.getLogger("dnsfilter.manager")


class Selftest:
    """Tries every path again and again; `show` gets the results.

    Listeners are those that were opened at the start, everything else is as the configuration in force says.
    """

    def __init__(self, started: Configuration, show: Callable[[Mapping[str, bool]], None]) -> None:
        self._configuration = started
        self._show = show
        self._failing: frozenset[str] = frozenset()

    def adopt(self, configuration: Configuration) -> None:
        """Expect what this configuration says."""
        current = {name: getattr(configuration, name) for name in ("selftest", "sinkhole", "allow_clients")}
        self._configuration = self._configuration.model_copy(update=current)

    async def run(self, is_ready: Callable[[], bool]) -> None:
        """Test once somebody can answer, and from then on."""
        while not is_ready():  # noqa: ASYNC110 - other processes are waited for
            await asyncio.sleep(PAUSE)
        while True:
            results = await call(partial(try_paths, self._configuration))
            self._show(results)
            self._tell({path for path, is_right in results.items() if not is_right})
            await asyncio.sleep(self._configuration.selftest.interval.total_seconds() or PAUSE)

    def _tell(self, failing: set[str]) -> None:
        for path in sorted(failing - self._failing):
            _log.error("self-test of %s: %s did not get the answer of a blocked name", path, SELFTEST)
        for path in sorted(self._failing - failing):
            _log.info("self-test of %s succeeds again", path)
        self._failing = frozenset(failing)


def find_paths(configuration: Configuration) -> list[str]:
    """Return the paths that the self-test covers, none where it is turned off."""
    return list(dict.fromkeys(path for path, _ in _find_probes(configuration)))


def try_paths(configuration: Configuration) -> dict[str, bool]:
    """Try every path; whether everything on it gave the answer that a blocked name gets."""
    results: dict[str, bool] = {}
    for path, probe in _find_probes(configuration):
        try:
            is_right = probe()
        except (OSError, ValueError, WireError, http.client.HTTPException):
            is_right = False
        results[path] = results.get(path, True) and is_right
    return results


def _find_probes(configuration: Configuration) -> Iterator[tuple[str, Probe]]:
    if not configuration.selftest.interval:
        return
    sinkhole = configuration.sinkhole.ipv4.packed
    for path, ask, endpoint in _find_listeners(configuration.listen):
        is_right = partial(_is_blocked, sinkhole) if _serves(configuration, endpoint) else _is_refusal
        yield path, partial(_is_answered, ask, endpoint, configuration.listen.proxy_protocol, is_right)
    status = STRANGER_STATUS if configuration.proxy.users else REFUSED_STATUS
    for mode in filter(None, map(_MODE.fullmatch, configuration.proxy.listen)):
        place = Endpoint((mode["host"] or "127.0.0.1").strip("[]"), int(mode["port"] or _DEFAULT_PROXY))
        yield PROXY, partial(_is_refused, _reach(place), status)
    if configuration.selftest.page:
        yield PAGE, partial(_is_page, configuration.selftest.page)


def find_unserved(configuration: Configuration) -> list[str]:
    """Return the addresses that we ask ourselves from and do not serve."""
    endpoints = [endpoint for _, _, endpoint in _find_listeners(configuration.listen)]
    unserved = (endpoint.host for endpoint in endpoints if not _serves(configuration, endpoint))
    return list(dict.fromkeys(unserved)) if configuration.selftest.interval else []


def _find_listeners(listen: Listen) -> Iterator[tuple[Transport, Ask, Endpoint]]:
    """Yield every listener of the resolver, and how it is asked."""
    for endpoint in filter(is_available, listen.dns):
        yield Transport.UDP, _ask_udp, _reach(endpoint)
        yield Transport.TCP, _ask_tcp, _reach(endpoint)
    for path, endpoints, ask in ((Transport.TLS, listen.tls, _ask_tls), (Transport.HTTPS, listen.https, _ask_https)):
        for endpoint in endpoints:
            yield path, ask, _reach(endpoint)


def _serves(configuration: Configuration, endpoint: Endpoint) -> bool:
    """Whether we are served there: what is asked at an address of this machine is asked from the same address."""
    own = ip_address(endpoint.host.partition("%")[0])
    return any(own in network for network in configuration.allow_clients)


def _reach(endpoint: Endpoint) -> Endpoint:
    """Return where a listener on all addresses can be asked from this machine."""
    return Endpoint(_HERE.get(endpoint.host, endpoint.host), endpoint.port)


def _is_answered(
    ask: Ask, endpoint: Endpoint, trusted: Sequence[Network], is_right: Callable[[bytes, bytes], bool]
) -> bool:
    """Whether the response to a query for the name is one to it, and right."""
    question = from_text(SELFTEST) + _TAIL
    query = secrets.token_bytes(2) + bytes.fromhex("01000001000000000000") + question
    response = ask(endpoint, query, trusted)
    if response[:2] != query[:2] or response[_HEADER_SIZE : _HEADER_SIZE + len(question)] != question:
        return False
    return is_right(response, question)


def _is_blocked(sinkhole: bytes, response: bytes, question: bytes) -> bool:
    return list(Answer(response, len(question), time.monotonic()).addresses) == [sinkhole]


def _is_refusal(response: bytes, _: bytes) -> bool:
    return response[3] & _RCODE_BITS == Rcode.REFUSED


def _ask_udp(endpoint: Endpoint, query: bytes, trusted: Sequence[Network]) -> bytes:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT)
        sock.connect((endpoint.host, endpoint.port))
        sock.send(_preface(sock, trusted) + query)
        return sock.recv(_MAX_RESPONSE)


def _ask_tcp(endpoint: Endpoint, query: bytes, trusted: Sequence[Network]) -> bytes:
    with _connect(endpoint, trusted) as sock:
        return _exchange(sock, query)


def _ask_tls(endpoint: Endpoint, query: bytes, trusted: Sequence[Network]) -> bytes:
    with _connect(endpoint, trusted) as sock, _trusting().wrap_socket(sock) as encrypted:
        return _exchange(encrypted, query)


def _ask_https(endpoint: Endpoint, query: bytes, trusted: Sequence[Network]) -> bytes:
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    with contextlib.closing(connection), _connect(endpoint, trusted) as sock:
        connection.sock = _trusting().wrap_socket(sock)
        connection.request("POST", "/dns-query", query, {"Content-Type": "application/dns-message"})
        return connection.getresponse().read(_MAX_RESPONSE)


def _connect(endpoint: Endpoint, trusted: Sequence[Network]) -> socket.socket:
    sock = socket.create_connection((endpoint.host, endpoint.port), TIMEOUT)
    sock.sendall(_preface(sock, trusted))
    return sock


def _preface(sock: socket.socket, trusted: Sequence[Network]) -> bytes:
    """Return the PROXY header that is expected of whoever asks from this address; it says that nobody else asks."""
    own = ip_address(sock.getsockname()[0])
    return LOCAL_HEADER if any(own in network for network in trusted) else b""


def _exchange(sock: socket.socket, query: bytes) -> bytes:
    sock.sendall(frame(query))
    with sock.makefile("rb") as stream:
        return stream.read(int.from_bytes(stream.read(2), "big"))


def _trusting() -> ssl.SSLContext:
    """Return a context for any certificate: it is made for another name than the address that is asked here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_refused(endpoint: Endpoint, status: int) -> bool:
    """Whether the proxy refuses a request for the name, with that status."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request("GET", f"http://{SELFTEST}/")
        return connection.getresponse().status == status


def _is_page(url: str) -> bool:
    """Whether anything answers behind the sinkhole, whatever its status: people see that rather than an error."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AnyStatus)
    with opener.open(urllib.request.Request(url), timeout=TIMEOUT) as response:  # noqa: S310 - of the configuration
        return bool(response.read(1))


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Takes every response for one, and follows no redirect."""

    def http_response(
        self, _request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        """Return the response as it came."""
        return response

    https_response = http_response  # type: ignore[assignment]
