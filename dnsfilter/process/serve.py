"""Everything that `dnsfilter serve` starts, in order: state directory, snapshot, sockets, then who uses them."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from dnsfilter.config import Configuration
from dnsfilter.feeds.configuration import find_configuration, load_configuration
from dnsfilter.feeds.state import hold_state, prepare_state
from dnsfilter.process.cores import count_cores
from dnsfilter.process.ledger import discard_counts
from dnsfilter.process.proxy import check_proxy, find_proxy_problems, proxy_endpoints, proxy_parts
from dnsfilter.process.readiness import announce
from dnsfilter.process.supervisor import Part, supervise
from dnsfilter.server.nghttp2 import load_library
from dnsfilter.server.sockets import STREAM, check_free, is_available, open_sockets
from dnsfilter.server.tls import load_certificate
from dnsfilter.settings.operation import Proxy
from dnsfilter.upstream.secure import check_trust

_log = logging.getLogger("dnsfilter")


def serve(path: Path | None) -> int:
    """Run until SIGTERM; return the exit status. InputError and ProcessError when it cannot start."""
    _end_when_told()
    found = find_configuration(path)
    configuration = load_configuration(found)
    if found is None:
        configuration = _without_impossible_proxy(configuration)
    arguments = [str(found.absolute())] if found else []
    prepare_state(Path(configuration.state))
    lock = hold_state(Path(configuration.state))
    discard_counts(Path(configuration.state))
    try:
        published = subprocess.run([*_python("publisher"), *arguments], check=False)  # noqa: S603 - our own module
        if published.returncode == 0:
            asyncio.run(_run(_parts(configuration, arguments), configuration))
    finally:
        os.close(lock)
    return published.returncode


async def _run(parts: list[Part], configuration: Configuration) -> None:
    announcing = asyncio.create_task(announce(configuration, filter(is_available, configuration.listen.dns)))
    await supervise(parts)
    announcing.cancel()


def _end_when_told() -> None:
    """End at once, with everything that was started, while there is no event loop yet to take signals."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _without_impossible_proxy(configuration: Configuration) -> Configuration:
    """Leave the proxy out of the embedded default, which nobody wrote, where it cannot run."""
    problems = find_proxy_problems(configuration)
    if not problems:
        return configuration
    _log.warning("starting without the proxy: %s", problems[0].message)
    return configuration.model_copy(update={"proxy": Proxy()})


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", f"dnsfilter.process.{module}"]


def _parts(configuration: Configuration, arguments: list[str]) -> list[Part]:
    state, endpoints = configuration.state, configuration.listen.dns
    workers = count_cores() if configuration.workers == "auto" else configuration.workers
    check_proxy(configuration)
    if configuration.listen.certificate:
        load_certificate(configuration.listen.certificate)
    if configuration.listen.https:
        load_library()
    check_trust(configuration.upstreams)
    check_free(endpoints)
    check_free(configuration.listen.tls, "listen.tls", STREAM)
    check_free(configuration.listen.https, "listen.https", STREAM)
    check_free([configuration.listen.metrics], "listen.metrics", STREAM)
    check_free(proxy_endpoints(configuration), "proxy.listen", STREAM)
    if configuration.proxy.listen:
        check_free([configuration.proxy.metrics], "proxy.metrics", STREAM)
    parts = []
    for index in range(int(workers)):
        name = f"worker-{index}"
        encrypted = (*configuration.listen.tls, *configuration.listen.https)
        sockets = open_sockets(endpoints) + open_sockets(encrypted, STREAM)
        descriptors = [sock.detach() for sock in sockets]
        parts.append(
            Part(name, [*_python("worker"), state, name, *map(str, descriptors)], descriptors, hands_over=True)
        )
    parts += proxy_parts(configuration)
    return [*parts, Part("manager", [*_python("manager"), state, *arguments], reloads=True)]
