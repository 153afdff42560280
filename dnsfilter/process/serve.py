"""Everything that `dnsfilter serve` starts, in order: snapshot, sockets, then the processes that use them."""

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

from dnsfilter.config import Configuration
from dnsfilter.errors import ProcessError
from dnsfilter.feeds.configuration import find_configuration, load_configuration
from dnsfilter.process.proxy import proxy_commands
from dnsfilter.process.supervisor import Part, supervise
from dnsfilter.server.sockets import check_free, open_sockets

LOCK_NAME = "lock"


def serve(path: Path | None) -> int:
    """Run until SIGTERM; return the exit status. InputError and ProcessError when it cannot start."""
    found = find_configuration(path)
    configuration = load_configuration(found)
    arguments = [str(found.absolute())] if found else []
    published = subprocess.run([*_python("publisher"), *arguments], check=False)  # noqa: S603 - our own module
    if published.returncode:
        return published.returncode
    lock = _lock(Path(configuration.state))
    try:
        asyncio.run(supervise(_parts(configuration, arguments)))
    finally:
        os.close(lock)
    return 0


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", f"dnsfilter.process.{module}"]


def _lock(state: Path) -> int:
    """Hold the state directory for as long as this process lives."""
    lock = os.open(state / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ProcessError(f"{state}: another dnsfilter runs with this state directory") from None
    return lock


def _parts(configuration: Configuration, arguments: list[str]) -> list[Part]:
    state, endpoints = configuration.state, configuration.listen.dns
    workers = len(os.sched_getaffinity(0)) if configuration.workers == "auto" else configuration.workers
    check_free(endpoints)
    parts = []
    for index in range(int(workers)):
        name = f"worker-{index}"
        descriptors = [sock.detach() for sock in open_sockets(endpoints)]
        parts.append(Part(name, [*_python("worker"), state, name, *map(str, descriptors)], descriptors))
    parts += [Part(f"proxy-{index}", command) for index, command in enumerate(proxy_commands(configuration))]
    return [*parts, Part("manager", [*_python("manager"), state, *arguments], reloads=True)]
