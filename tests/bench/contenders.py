"""The servers that are compared: dnsfilter and unbound, the core they run on, and the cheapest upstream."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import SINKHOLE_IPV4, default_settings, responds, start_server
from tests.processes import Processes, free_port, require_program

SERVER_CORE = "1"
OTHER_CORE = "0"
LISTEN_KEYS = {"plain": "dns", "tls": "tls", "https": "https"}
TICKS = os.sysconf("SC_CLK_TCK")

UNBOUND = """\
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: "{directory}/unbound.log"
  do-daemonize: no
  use-syslog: no
  interface: 127.0.0.1@{port}
  interface: 127.0.0.1@{tls}
  interface: 127.0.0.1@{https}
  tls-port: {tls}
  https-port: {https}
  tls-service-key: "{directory}/key.pem"
  tls-service-pem: "{directory}/chain.pem"
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  msg-cache-size: 64m
  rrset-cache-size: 128m
  outgoing-range: 4096
  num-queries-per-thread: 2048
  incoming-num-tcp: 256
  so-rcvbuf: 4m
  local-zone: "tiktokcdn.com." redirect
  local-data: "tiktokcdn.com. 10 A {sinkhole}"
forward-zone:
  name: "."
  forward-addr: {upstream}
remote-control:
  control-enable: no
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server, the port of each transport, and the processes whose CPU time is its price, by what they are.

    `lacks` names the cases that it cannot take part in.
    """

    name: str
    ports: Mapping[str, int]
    processes: Mapping[str, Sequence[int]]
    lacks: frozenset[str] = frozenset()

    @property
    def port(self) -> int:
        """The port of plain DNS."""
        return self.ports["plain"]

    def cpu_seconds(self) -> dict[str, float]:
        """Return user plus system time so far of each kind of process."""
        return {kind: sum(map(cpu_seconds, pids)) for kind, pids in self.processes.items()}


def cpu_seconds(pid: int) -> float:
    """Return user plus system time of a process since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pinned(core: str, *command: str) -> list[str]:
    """Return a command that runs on one core only."""
    return [require_program("taskset", "util-linux"), "-c", core, *command]


def start_echo(processes: Processes, directory: Path) -> str:
    """Compile and start the upstream that answers everything at once; return its address."""
    program = directory / "echo"
    compiler = require_program("gcc", "gcc")
    port = free_port()
    build = f"{compiler} -O2 -o {program} {Path(__file__).with_name('echo.c')}"
    command = pinned(OTHER_CORE, "sh", "-c", f"{build} && exec {program} {port}")
    processes.start("echo", command, lambda _: responds(port))
    return f"127.0.0.1:{port}"


def make_certificate(directory: Path) -> None:
    """Write a certificate of its own authority and its key where all servers look for them."""
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "chain.pem")]
    command = [require_program("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2", *subject, *files]
    subprocess.run([*command, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], check=True, capture_output=True)


def take_ports() -> dict[str, int]:
    """Return a free port for each transport."""
    return {"plain": free_port(), "tls": free_port(), "https": free_port()}


def start_unbound(processes: Processes, directory: Path, upstream: str) -> Contender:
    """Start unbound configured for the same work as dnsfilter."""
    ports = take_ports()
    configuration = directory / "unbound.conf"
    values = {"port": ports["plain"], "tls": ports["tls"], "https": ports["https"], "sinkhole": SINKHOLE_IPV4}
    text = UNBOUND.format(directory=directory, upstream=upstream.replace(":", "@"), **values)
    configuration.write_text(text)
    command = pinned(SERVER_CORE, require_program("unbound", "unbound"), "-c", str(configuration))
    running = processes.start("unbound", command, lambda _: responds(ports["plain"]))
    return Contender("unbound", ports, {"server": [running.pid]})


def start_dnsfilter(processes: Processes, directory: Path, settings: Mapping[str, Any]) -> Contender:
    """Start dnsfilter with one worker, its manager on the same core, everything on."""
    server = start_server(processes, directory, settings, pinned(SERVER_CORE))
    family = [server.running.pid, *server.processes()]
    workers = server.processes("worker")
    others = [pid for pid in family if pid not in workers]
    listen = server.settings["listen"]
    ports = {kind: int(listen[key][0].rpartition(":")[2]) for kind, key in LISTEN_KEYS.items() if listen.get(key)}
    return Contender("dnsfilter", ports, {"server": workers, "manager": others})


def settings_for(directory: Path, upstream: str) -> dict[str, Any]:
    """Return dnsfilter's configuration for the comparison: a limit that is kept count of, but never reached."""
    ports = take_ports()
    listen: dict[str, Any] = {key: [f"127.0.0.1:{ports[kind]}"] for kind, key in LISTEN_KEYS.items()}
    listen["certificate"] = {"chain": str(directory / "chain.pem"), "key": str(directory / "key.pem")}
    limit = {"per_client_qps": 1_000_000_000, "burst": 1_000_000_000}
    return {**default_settings(upstream), "workers": 1, "listen": listen, "rate_limit": limit}
