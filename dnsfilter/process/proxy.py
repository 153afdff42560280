"""How the proxy is started: one process per worker on shared sockets, with the addon and nothing of the user's own.

Only opens sockets and says which commands; running them is the supervisor's.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dnsfilter.config import Configuration
from dnsfilter.errors import Problem, ProcessError
from dnsfilter.process.supervisor import Part
from dnsfilter.server.sockets import STREAM, is_available, open_sockets
from dnsfilter.values import Endpoint

if TYPE_CHECKING:
    from mitmproxy.proxy.mode_specs import ProxyMode

LIBRARY = "mitmproxy"
ADDON = "proxy_addons"
PROGRAM = f"{ADDON}.program"
DEFAULT_PORT = 8080
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what mitmproxy listens on where its mode names no address
UDP = "udp"


def proxy_parts(configuration: Configuration) -> list[Part]:
    """Open the proxy's sockets and return its processes, none where no proxy is configured.

    ProcessError when it cannot start. The processes expect a published snapshot in the state directory.
    """
    check_proxy(configuration)
    modes = [_parse_mode(mode) for mode in configuration.proxy.listen]
    shared = {mode.full_spec: [sock.detach() for sock in open_sockets(_endpoints(mode), STREAM)] for mode in modes}
    return [_part(configuration, index, modes, shared) for index in range(configuration.proxy.workers) if modes]


def check_proxy(configuration: Configuration) -> None:
    """Raise ProcessError where the proxy that the configuration asks for cannot be started here."""
    problems = find_proxy_problems(configuration)
    if problems:
        raise ProcessError("\n".join(map(str, problems)))


def find_proxy_problems(configuration: Configuration) -> list[Problem]:
    """Return why the proxy that the configuration asks for cannot be started here, each with its key."""
    modes = configuration.proxy.listen
    if not modes:
        return []
    if find_spec(LIBRARY) is None:
        return [Problem(f"{LIBRARY} is not installed: pip install 'dnsfilter[proxy]'", key="proxy.listen")]
    if find_spec(ADDON) is None:
        return [Problem(f"the package {ADDON} is not installed beside dnsfilter", key="proxy.listen")]
    return [*_find_wrong_modes(modes), *_find_unreadable(configuration)]


def _find_unreadable(configuration: Configuration) -> Iterator[Problem]:
    for key in ("users", "client_ca"):
        file = getattr(configuration.proxy, key)
        try:
            Path(file or os.devnull).read_bytes()
        except OSError as error:
            yield Problem(f"{file}: {error.strerror}", key=f"proxy.{key}")


def _find_wrong_modes(modes: Sequence[str]) -> Iterator[Problem]:
    for index, mode in enumerate(modes):
        key = f"proxy.listen[{index}]"
        try:
            _parse_mode(mode)
        except ValueError as error:
            yield Problem(f"{mode!r} is not a mitmproxy mode: {error}", key=key)
        else:
            if mode in modes[:index]:
                yield Problem(f"{mode!r} is there twice", key=key)


def proxy_endpoints(configuration: Configuration) -> list[Endpoint]:
    """Return where the proxy of a configuration without problems listens for TCP."""
    return [endpoint for mode in configuration.proxy.listen for endpoint in _endpoints(_parse_mode(mode))]


def _part(
    configuration: Configuration, index: int, modes: "Sequence[ProxyMode]", shared: Mapping[str, Sequence[int]]
) -> Part:
    """Return one process. Only the first takes what comes over UDP: its socket cannot be handed over.

    All wait at the same sockets, so that whoever is idle takes what comes: spread by the kernel over sockets of their
    own, one of two processes has nothing to do for a tenth of the time while connections queue at the other.
    """
    places: list[str] = []
    for mode in modes:
        words = [*map(str, shared[mode.full_spec]), *_take_udp(mode, index)]
        if words:
            places.append(f"{mode.full_spec}={','.join(words)}")
    name = f"proxy-{index}"
    descriptors = [descriptor for each in shared.values() for descriptor in each]
    return Part(name, [sys.executable, "-P", "-m", PROGRAM, configuration.state, name, *places], descriptors)


def _take_udp(mode: "ProxyMode", index: int) -> list[str]:
    return [UDP] if index == 0 and mode.transport_protocol != "tcp" else []


def _endpoints(mode: "ProxyMode") -> list[Endpoint]:
    port = mode.listen_port(DEFAULT_PORT)
    if not port or mode.transport_protocol == UDP:
        return []
    host = mode.listen_host("").strip("[]")
    endpoints = [Endpoint(each, port) for each in ((host,) if host else EVERYWHERE)]
    return [endpoint for endpoint in endpoints if is_available(endpoint)]


def _parse_mode(text: str) -> "ProxyMode":
    from mitmproxy.proxy.mode_specs import ProxyMode  # noqa: PLC0415 - of an extra that may not be installed

    return ProxyMode.parse(text)
