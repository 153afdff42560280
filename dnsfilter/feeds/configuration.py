"""The configuration file: where it is found, and what only its place and this machine can tell.

Paths become absolute, relative to the configuration; the upstream `system` becomes the name servers of this machine.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import resources
from ipaddress import ip_address
from pathlib import Path

from dnsfilter.config import Configuration, parse_configuration
from dnsfilter.document import key_text, parse_document
from dnsfilter.errors import InputError, Problem
from dnsfilter.settings.notification import EventOutput, Notices, Webhook
from dnsfilter.settings.operation import Proxy
from dnsfilter.settings.resolver import Upstream
from dnsfilter.values import Endpoint, UpstreamServer, parse_server

SEARCH_PATH = (Path("dnsfilter.yaml"), Path("/etc/dnsfilter/dnsfilter.yaml"))
RESOLV_CONF = Path("/etc/resolv.conf")

_SQLITE = "sqlite:///"
_FILES = ("ca", "password_file", "secret_file", "users", "client_ca")
"""Keys of sections that name a file."""


def find_configuration(path: Path | None) -> Path | None:
    """Return the file to read: the one named, else the first that exists, else None for the embedded default."""
    return path or next((candidate for candidate in SEARCH_PATH if candidate.exists()), None)


def load_configuration(path: Path | None) -> Configuration:
    """Read, check and complete the configuration; InputError lists everything wrong with it."""
    found = find_configuration(path)
    if found is None:
        text = resources.files("dnsfilter").joinpath("default.yaml").read_text()
        return _complete(parse_configuration(text, "embedded default"), _default_directory())
    try:
        text = found.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError([Problem(f"cannot be read: {error.strerror}", str(found))]) from None
    except UnicodeDecodeError as error:
        raise InputError([Problem(f"is not UTF-8 text: {error.reason}", str(found))]) from None
    configuration = parse_configuration(text, str(found))
    problems = list(_find_unresolvable(configuration, str(found)))
    if problems:
        raise InputError(locate(problems, found))
    return _complete(configuration, found.absolute().parent)


def find_directory(found: Path | None) -> Path:
    """Return the directory beside which files are named: the configuration file's, without one where we are."""
    return found.absolute().parent if found else Path.cwd()


def _find_unresolvable(configuration: Configuration, file: str) -> Iterator[Problem]:
    """Name the upstreams whose address nobody could tell: we would have to ask ourselves."""
    for index, upstream in enumerate(configuration.upstreams):
        for position, server in enumerate(upstream.servers):
            if server.scheme == "https" and server.hostname and not _has_plain_server(configuration, server.hostname):
                message = (
                    f"{server.text}: needs a plain upstream that knows the address of {server.hostname}, such as "
                    f"{{domains: [{server.hostname}], servers: [192.0.2.53]}}, or an address in place of the name"
                )
                yield Problem(message, file, key=f"upstreams[{index}].servers[{position}]")


def _has_plain_server(configuration: Configuration, name: str) -> bool:
    """Whether a server that is asked for this name is asked by plain DNS."""
    by_suffix = {domain: upstream for upstream in configuration.upstreams for domain in upstream.domains or ("",)}
    labels = name.split(".")
    suffixes = (".".join(labels[start:]) for start in range(len(labels) + 1))
    upstream = next(by_suffix[suffix] for suffix in suffixes if suffix in by_suffix)
    return any(server.scheme in ("udp", "system") for server in upstream.servers)


def locate(problems: Iterable[Problem], path: Path | None) -> list[Problem]:
    """Give problems that name a key of the configuration file the line of that key, where it can be read."""
    try:
        document = parse_document(path.read_text(encoding="utf-8") if path else "", str(path))
    except (OSError, UnicodeDecodeError, InputError):
        return list(problems)
    lines = {key_text(place): line for place, line in document.lines.items()}
    return [
        replace(problem, line=lines.get(problem.key, 0)) if problem.file == str(path) and not problem.line else problem
        for problem in problems
    ]


def _default_directory() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "dnsfilter"


def _complete(configuration: Configuration, base: Path) -> Configuration:
    state = base / configuration.state
    certificate = configuration.listen.certificate
    if certificate:
        paths = {"chain": str(base / certificate.chain), "key": str(base / certificate.key)}
        certificate = certificate.model_copy(update=paths)
    store_base = base if "url" in configuration.store.model_fields_set else state
    key_base = base if "pseudonym_key" in configuration.privacy.model_fields_set else state
    return configuration.model_copy(
        update={
            "state": str(state),
            "listen": configuration.listen.model_copy(update={"certificate": certificate}),
            "cookies": configuration.cookies.model_copy(
                update={"secrets": tuple(str(base / file) for file in configuration.cookies.secrets)}
            ),
            "hosts": tuple(str(base / file) for file in configuration.hosts),
            "inventory": configuration.inventory and str(base / configuration.inventory),
            "leases": tuple(
                lease.model_copy(update={"file": str(base / lease.file)}) for lease in configuration.leases
            ),
            "store": configuration.store.model_copy(update={"url": _absolute_url(configuration.store.url, store_base)}),
            "privacy": configuration.privacy.model_copy(
                update={"pseudonym_key": str(key_base / configuration.privacy.pseudonym_key)}
            ),
            "proxy": configuration.proxy.model_copy(update=_absolute(configuration.proxy, base)),
            "notices": configuration.notices.model_copy(update=_absolute(configuration.notices, base)),
            "webhooks": tuple(hook.model_copy(update=_absolute(hook, base)) for hook in configuration.webhooks),
            "events": tuple(_locate_output(output, base) for output in configuration.events),
            "upstreams": tuple(_expand(upstream, configuration, base) for upstream in configuration.upstreams),
        }
    )


def _absolute(section: Notices | Webhook | EventOutput | Proxy, base: Path) -> dict[str, str]:
    """Return the files that a section names, absolute."""
    files = {key: getattr(section, key, None) for key in _FILES}
    return {key: str(base / file) for key, file in files.items() if file}


def _locate_output(output: EventOutput, base: Path) -> EventOutput:
    path = str(base / output.to.path) if output.to.path else ""
    return output.model_copy(update={**_absolute(output, base), "to": output.to._replace(path=path)})


def _absolute_url(url: str, base: Path) -> str:
    path = url.removeprefix(_SQLITE)
    return url if path in (url, ":memory:") else f"{_SQLITE}{base / path}"


def _expand(upstream: Upstream, configuration: Configuration, base: Path) -> Upstream:
    servers: list[UpstreamServer] = []
    for server in upstream.servers:
        servers += read_system_servers(configuration.listen.dns) if server.scheme == "system" else [server]
    return upstream.model_copy(update={"servers": tuple(servers), "ca": upstream.ca and str(base / upstream.ca)})


def read_system_servers(own: tuple[Endpoint, ...], path: Path = RESOLV_CONF) -> list[UpstreamServer]:
    """Return the name servers of resolv.conf, without ourselves; InputError where none is left."""
    servers: list[UpstreamServer] = []
    for word, *arguments in map(str.split, _read_lines(path)):
        if word == "nameserver" and arguments:
            text = arguments[0]
            try:
                ip_address(text)
            except ValueError:
                continue
            server = parse_server(text)
            if server.endpoint not in own:
                servers.append(server)
    if not servers:
        raise InputError([Problem("names no server to forward to: configure upstreams", str(path))])
    return servers


def _read_lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
