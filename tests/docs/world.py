"""A machine like a newcomer's: every port free, name servers in /etc/resolv.conf, an internet of two names behind them.

It is a network and mount namespace of its own, so the embedded default runs unchanged and nothing outside is touched.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.e2e.server import ENVIRONMENT
from tests.e2e.unbound import CONFIGURATION
from tests.fakes.origin import make_certificate
from tests.processes import Processes, Running, miss, require_program

UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount")
INTERNET = """\
$TTL 300
@                   SOA ns.example. hostmaster.example. 1 3600 900 604800 60
@                   NS  ns.example.
ns.example.         A   127.0.0.1
a.root-servers.net. A   198.41.0.4
example.com.        A   127.0.0.2
"""
"""The root server's address is the real one; that of example.com leads to the web server in the namespace."""


class World:
    """The namespace; programs in it end with `processes`."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        _require_namespaces()
        self.directory = directory
        self._processes = processes
        self._prefix: tuple[str, ...] = ()
        self._environment = _environment(directory)
        (directory / ".venv").symlink_to(sys.prefix)
        self._prefix = self._make_namespace()
        self._start_internet()

    def start(self, name: str, command: Sequence[str], ready: Callable[[Running], object]) -> Running:
        """Start a program inside."""
        return self._processes.start(name, [*self._prefix, *command], ready, environment=self._environment)

    def run(self, command: str) -> str:
        """Type a command into a shell inside; return what the terminal shows."""
        done = subprocess.run(
            [*self._prefix, "bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **self._environment},
        )
        return done.stdout

    def accepts(self, port: int) -> bool:
        """Whether something inside listens on a TCP port."""
        return "open" in self.run(f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo open")

    def _make_namespace(self) -> tuple[str, ...]:
        resolv_conf = self.directory / "resolv.conf"
        resolv_conf.write_text("nameserver 127.0.0.1\n")
        script = f"ip link set lo up && mount --bind {resolv_conf} /etc/resolv.conf && echo made && exec sleep infinity"
        holder = self.start("namespace", [*UNSHARE, "sh", "-c", script], lambda running: "made" in running.output)
        enter = ("nsenter", "--user", "--preserve-credentials", "--net", "--mount", "--target", str(holder.pid))
        return (*enter, "env", "--chdir", str(self.directory))

    def _start_internet(self) -> None:
        directory = self.directory / "internet"
        directory.mkdir()
        zone, configuration = directory / "zone", directory / "unbound.conf"
        zone.write_text(INTERNET)
        configuration.write_text(CONFIGURATION.format(directory=directory, port=53, zone=zone, more=""))
        unbound = [require_program("unbound", "unbound"), "-c", str(configuration)]
        self.start("unbound", unbound, lambda running: "start of service" in running.output)
        certificate = str(make_certificate(self.directory, "example.com"))
        web = ["openssl", "s_server", "-www", "-accept", "127.0.0.2:443", "-cert", certificate, "-key", certificate]
        self.start("web", web, lambda running: "ACCEPT" in running.output)


def _environment(directory: Path) -> Mapping[str, str]:
    """Return what the shell knows: the state goes below `directory`, and curl trusts the web server's certificate."""
    return {
        **ENVIRONMENT,
        "XDG_STATE_HOME": str(directory / "state"),
        "CURL_CA_BUNDLE": str(directory / "origin.pem"),
        "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin",
        "NO_PROXY": "",
        "no_proxy": "",
    }


def _require_namespaces() -> None:
    """Do without the test, except in CI, where the machine does not let us make namespaces."""
    for program, package in (("ip", "iproute2"), ("dig", "bind9-dnsutils"), ("curl", "curl"), ("openssl", "openssl")):
        require_program(program, package)
    try:
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    except OSError as error:
        miss(f"unshare: {error}")
    if done.returncode:
        miss(f"no namespaces on this machine: {done.stderr.strip()}")
