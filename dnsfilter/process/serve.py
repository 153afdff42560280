"""Everything that `dnsfilter serve` starts, in order: state directory, snapshot, sockets, then who uses them.

Started as root with `user` in the configuration, root opens the sockets; all that reads, writes or answers is the user.
"""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import FrameType

from dnsfilter.config import Configuration
from dnsfilter.errors import ProcessError
from dnsfilter.feeds.configuration import find_configuration, load_configuration
from dnsfilter.feeds.state import hold_state, prepare_state
from dnsfilter.process.cores import count_cores
from dnsfilter.process.ledger import discard_counts
from dnsfilter.process.listening import open_listeners
from dnsfilter.process.ownership import check_rights, hand_over
from dnsfilter.process.privileges import Account, become, find_account
from dnsfilter.process.proxy import check_proxy, find_proxy_problems, proxy_endpoints, proxy_parts
from dnsfilter.process.readiness import announce
from dnsfilter.process.supervisor import Part, supervise
from dnsfilter.server.inherited import Given, take_given
from dnsfilter.server.nghttp2 import load_library
from dnsfilter.server.sockets import STREAM, check_free, is_available
from dnsfilter.server.tls import load_certificate
from dnsfilter.settings.operation import Proxy
from dnsfilter.upstream.secure import check_trust

_log = logging.getLogger("dnsfilter")


def serve(path: Path | None) -> int:
    """Run until SIGTERM; return the exit status. InputError and ProcessError when it cannot start."""
    _end_when_told()
    given = take_given()
    found = find_configuration(path)
    configuration = load_configuration(found)
    if found is None:
        configuration = _without_impossible_proxy(configuration)
    arguments = [str(found.absolute())] if found else []
    account = find_account(configuration)
    prepare_state(Path(configuration.state))
    lock = hold_state(Path(configuration.state))
    discard_counts(Path(configuration.state))
    try:
        if account:
            hand_over(configuration, account)
        status = _publish(arguments, account)
        if status == 0:
            asyncio.run(_run(_parts(configuration, arguments, given, account), configuration))
    finally:
        os.close(lock)
    return status


def _publish(arguments: list[str], account: Account | None) -> int:
    """Let a child compile the configuration, as whoever will have to do it again at a reload."""
    run = partial(subprocess.run, [*_python("publisher"), *arguments], check=False, stdout=subprocess.DEVNULL)
    if account is None:
        return run().returncode
    try:
        return run(**account.credentials).returncode
    except PermissionError as error:
        raise ProcessError(f"user: {account.name} cannot execute {sys.executable}: {error.strerror}") from None


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
    return [sys.executable, "-P", "-m", f"dnsfilter.process.{module}"]  # nothing from the working directory


def _parts(
    configuration: Configuration, arguments: list[str], given: list[Given], account: Account | None
) -> list[Part]:
    """Open the sockets, become the account, and return what is to run."""
    state = configuration.state
    check_proxy(configuration)
    check_free(proxy_endpoints(configuration), "proxy.listen", STREAM)
    workers = count_cores() if configuration.workers == "auto" else int(configuration.workers)
    listeners = open_listeners(configuration.listen, workers, given)
    proxies = proxy_parts(configuration)
    if account:
        become(account)
        check_rights(configuration, account)
    _check_what_is_needed(configuration)
    parts = [_worker(state, f"worker-{index}", descriptors) for index, descriptors in enumerate(listeners)]
    return [*parts, *proxies, Part("manager", [*_python("manager"), state, *arguments], reloads=True)]


def _worker(state: str, name: str, descriptors: list[int]) -> Part:
    return Part(name, [*_python("worker"), state, name, *map(str, descriptors)], descriptors, hands_over=True)


def _check_what_is_needed(configuration: Configuration) -> None:
    """Raise InputError or ProcessError where a process would miss something, or a port of its own."""
    if configuration.listen.certificate:
        load_certificate(configuration.listen.certificate)
    if configuration.listen.https:
        load_library()
    check_trust(configuration.upstreams)
    check_free([configuration.listen.metrics], "listen.metrics", STREAM)
    if configuration.proxy.listen:
        check_free([configuration.proxy.metrics], "proxy.metrics", STREAM)
