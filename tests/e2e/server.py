"""A real `dnsfilter serve` on ports of its own, with a configuration, state and store that belong to the test."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from tests.e2e.dig import Answer, dig
from tests.processes import Processes, Running, children, command_line, free_port

SINKHOLE_IPV4 = "192.0.2.66"
SINKHOLE_IPV6 = "2001:db8::66"
SINKHOLE_TTL = 10
ROOT = Path(__file__).parents[2]
PACKAGES = Path(str(distribution("dnsfilter").locate_file("")))
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join(map(str, (PACKAGES, ROOT))),
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
}
"""Programs run what is installed, which may be compiled; `tests` is beside it, and no working directory is searched."""

_PROBE = bytes.fromhex("beef01000001000000000000") + b"\5probe\7invalid\0\0\1\0\1"


def command(*arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one `dnsfilter` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dnsfilter", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
        env={**os.environ, **ENVIRONMENT},
    )


def read_version() -> str:
    """Return which dnsfilter the tests run, compiled or not."""
    return command("--version").stdout.strip().replace(", version", "")


def responds(port: int) -> bool:
    """Whether anything answers a DNS query over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(("127.0.0.1", port))
            probe.send(_PROBE)
            return probe.recv(512)[:2] == _PROBE[:2]
        except OSError:
            return False


def fetch(port: int, path: str = "/metrics") -> tuple[int, str]:
    """Return status and body of an HTTP endpoint on loopback; status 0 when nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def parse_metrics(text: str) -> dict[str, float]:
    """Return every sample of an exposition by its series, as printed."""
    samples = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {series: float(value) for series, _, value in samples}


def default_settings(upstream: str) -> dict[str, Any]:
    """Return the configuration most tests start from: TikTok under order since years, one upstream."""
    return {
        "upstreams": [{"servers": [upstream]}],
        "rate_limit": {"per_client_qps": 0},
        "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
        "policies": [{"name": "tiktok", "blocklists": ["tiktok"], "phases": {"enforce": "2023-03-15"}}],
        "sinkhole": {"ipv4": SINKHOLE_IPV4, "ipv6": SINKHOLE_IPV6, "ttl": SINKHOLE_TTL},
    }


class Server:
    """A running dnsfilter and the ways to talk to it."""

    def __init__(self, running: Running, configuration: Path, settings: Mapping[str, Any], port: int) -> None:
        self.running = running
        self.configuration = configuration
        self.settings = dict(settings)
        self.port = port
        self.metrics_port = int(settings["listen"]["metrics"].rpartition(":")[2])

    def dig(self, *query: str, server: str = "127.0.0.1", program: str = "dig", timeout: int = 5) -> Answer:
        """Ask this server through dig or kdig."""
        return dig(self.port, *query, server=server, program=program, timeout=timeout)

    def metrics(self) -> dict[str, float]:
        """Return all samples of the resolver's endpoint."""
        return parse_metrics(fetch(self.metrics_port)[1])

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples whose labels include the given ones."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value
            for series, value in self.metrics().items()
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )

    def processes(self, kind: str = "") -> list[int]:
        """Return the children of the supervisor, or those that run one of our modules: worker, manager."""
        module = f"dnsfilter.process.{kind}"
        return [pid for pid in children(self.running.pid) if not kind or module in command_line(pid)]

    def rewrite(self, settings: Mapping[str, Any] | str) -> None:
        """Replace the configuration file and ask for a reload."""
        text = settings if isinstance(settings, str) else json.dumps(settings)
        self.configuration.write_text(text)
        self.running.send(signal.SIGHUP)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `dnsfilter` command on this server's configuration."""
        return command(*arguments, "-c", str(self.configuration))


def complete(settings: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Add listeners on free ports and places below `directory` to settings that do not name them."""
    port = free_port()
    listen = {"dns": [f"127.0.0.1:{port}", f"[::1]:{port}"], "metrics": f"127.0.0.1:{free_port()}"}
    return {
        "state": str(directory / "var"),
        "store": {"url": f"sqlite:///{directory / 'dnsfilter.db'}"},
        "privacy": {"pseudonym_key": str(directory / "pseudonym.key")},
        **settings,
        "listen": {**listen, **settings.get("listen", {})},
    }


def start_server(
    processes: Processes, directory: Path, settings: Mapping[str, Any], prefix: Sequence[str] = ()
) -> Server:
    """Write the configuration (JSON is YAML), start `dnsfilter serve`, return once it answers and is ready.

    `prefix` is a program that runs it, such as taskset with its arguments.
    """
    whole = complete(settings, directory)
    configuration = directory / "dnsfilter.yaml"
    configuration.write_text(json.dumps(whole, indent=2))
    port = int(whole["listen"]["dns"][0].rpartition(":")[2])
    metrics_port = int(whole["listen"]["metrics"].rpartition(":")[2])
    running = processes.start(
        "dnsfilter",
        [*prefix, sys.executable, "-m", "dnsfilter", "serve", "-c", str(configuration)],
        lambda _: fetch(metrics_port, "/readyz")[0] == 200 and responds(port),
        environment=ENVIRONMENT,
    )
    return Server(running, configuration, whole, port)
