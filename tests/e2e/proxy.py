"""A real mitmdump with the addon, and real curl through it; every name leads to the test's own origin servers."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import ENVIRONMENT, ROOT, fetch, parse_metrics
from tests.fakes.published import PHASES, configuration
from tests.processes import Processes, Running, accepts_connections, free_port, require_program

ADDON = ROOT / "proxy_addons" / "enforce.py"
MITMDUMP = Path(sys.executable).parent / "mitmdump"

_REDIRECT = """\
PORTS = {ports!r}

def server_connect(data):
    if not data.server.error:
        data.server.address = ("127.0.0.1", PORTS.get(data.server.address[1], 1))
"""
"""Stands where the internet is: whatever the proxy connects to, by port, is on loopback."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running mitmdump."""

    running: Running
    port: int
    metrics_port: int
    configuration: Path
    state: Path

    def metrics(self) -> dict[str, float]:
        """Return all samples of the proxy's endpoint."""
        return parse_metrics(fetch(self.metrics_port)[1])

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples whose labels include the given ones."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        samples = self.metrics().items()
        return sum(
            value
            for series, value in samples
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )

    def curl(self, url: str, *options: str) -> "Fetched":
        """Fetch a URL through the proxy."""
        return curl(url, "--proxy", f"http://127.0.0.1:{self.port}", *options)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What curl got; `status` is that of the last response, 0 for none; `log` what it says about the connection."""

    exit_status: int
    status: int
    connect_status: int
    body: str
    log: str


def curl(url: str, *options: str, prefix: Sequence[str] = ()) -> Fetched:
    """Run curl to its end; `prefix` is a program that runs it."""
    report = "\n%{http_code} %{http_connect}"
    command = [*prefix, require_program("curl", "curl"), "-sv", "-m", "15", "-w", report, *options, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    body, _, codes = done.stdout.rpartition("\n")
    status, connect_status = map(int, codes.split())
    return Fetched(done.returncode, status, connect_status, body, done.stderr)


def issuer(fetched: Fetched) -> str:
    """Return the issuer of the certificate that curl saw."""
    match = re.search(r"issuer: (.*)", fetched.log)
    return match[1] if match else ""


def settings(phase: str | None, directory: Path, **more: Any) -> dict[str, Any]:
    """Return a configuration whose policy is in a phase since 2023, None: before the first."""
    phases = {phase: PHASES[phase]} if phase else {"enforce": "2999-01-01"}
    world = configuration(directory / "var", phases).model_dump(mode="json", exclude_unset=True)
    return {**world, "upstreams": [{"servers": ["127.0.0.1"]}], **more}


def start_proxy(
    processes: Processes,
    directory: Path,
    wanted: Mapping[str, Any],
    ports: Mapping[int, int],
    *options: str,
    mode: str = "regular",
) -> Proxy:
    """Write the configuration and start `mitmdump -s` on it; `ports` says where on loopback a port leads."""
    port, metrics_port = free_port(), free_port()
    file, redirect = directory / "dnsfilter.yaml", directory / "redirect.py"
    file.write_text(json.dumps({**wanted, "proxy": {"metrics": f"127.0.0.1:{metrics_port}"}}, default=str))
    redirect.write_text(_REDIRECT.format(ports=dict(ports)))
    command = [str(MITMDUMP), "-s", str(ADDON), "-s", str(redirect), "--mode", f"{mode}@127.0.0.1:{port}"]
    values = [f"dnsfilter_config={file}", f"confdir={directory / 'mitmproxy'}", *options]
    command += [word for value in values for word in ("--set", value)]
    running = processes.start(
        "mitmdump",
        command,
        lambda _: accepts_connections(port) and accepts_connections(metrics_port),
        environment=ENVIRONMENT,
    )
    return Proxy(running, port, metrics_port, file, Path(wanted["state"]))
