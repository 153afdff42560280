"""The servers of a comparison: dnsfilter, unbound and the cheapest upstream, each pinned to a core of its own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.server import SINKHOLE_IPV4, default_settings, responds, start_server
from tests.processes import Processes, free_port, require_program

SERVER_CORE = "1"
OTHER_CORE = "0"
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
    """A running server and the processes whose CPU time is its price, by what they are."""

    name: str
    port: int
    processes: Mapping[str, Sequence[int]] = field(default_factory=dict)

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


def start_unbound(processes: Processes, directory: Path, upstream: str) -> Contender:
    """Start unbound configured for the same work as dnsfilter."""
    port = free_port()
    configuration = directory / "unbound.conf"
    text = UNBOUND.format(directory=directory, port=port, sinkhole=SINKHOLE_IPV4, upstream=upstream.replace(":", "@"))
    configuration.write_text(text)
    command = pinned(SERVER_CORE, require_program("unbound", "unbound"), "-c", str(configuration))
    running = processes.start("unbound", command, lambda _: responds(port))
    return Contender("unbound", port, {"server": [running.pid]})


def start_dnsfilter(processes: Processes, directory: Path, settings: Mapping[str, Any]) -> Contender:
    """Start dnsfilter with one worker, its manager on the same core; everything is on but the rate limit."""
    server = start_server(processes, directory, settings, pinned(SERVER_CORE))
    family = [server.running.pid, *server.processes()]
    workers = server.processes("worker")
    others = [pid for pid in family if pid not in workers]
    return Contender("dnsfilter", server.port, {"server": workers, "manager": others})


def settings_for(upstream: str) -> dict[str, Any]:
    """Return dnsfilter's configuration for the comparison."""
    return {**default_settings(upstream), "workers": 1}
