"""`python -m tests.bench.proxy`: CPU per passed connection of the proxy beside mitmdump, alternating in one run.

    bare        mitmdump with ignore_hosts=.*                  one-line    mitmdump -s with an addon that only passes
    addon       mitmdump -s with our addon                     serve       one worker under dnsfilter serve
    serve x2    two workers under dnsfilter serve, for throughput

Proxies may use all cores; the load takes its share of them, so that throughput is a lower bound. Compare ratios.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contenders import cpu_seconds
from tests.e2e.proxy import ADDON, MITMDUMP
from tests.e2e.server import ENVIRONMENT, ROOT, complete
from tests.processes import Processes, accepts_connections, children, command_line, free_port

ONE_LINE = "def tls_clienthello(data):\n    data.ignore_connection = True\n"
ORDER = {
    "upstreams": [{"servers": ["127.0.0.1:9"]}],
    "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
    "policies": [{"name": "tiktok", "blocklists": ["tiktok"], "phases": {"enforce": "2023-03-15"}}],
    "selftest": {"interval": "1h"},
}
CONCURRENCY = 20
BARS = (
    ("CPU: addon / one-line", "addon", "one-line", "<= 1.05"),
    ("CPU: serve / bare", "serve", "bare", "<= 0.9"),
)


@dataclass(frozen=True, slots=True)
class Contender:
    """A running proxy and the processes whose CPU time is its price."""

    name: str
    port: int
    pids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Result:
    """One round: CPU milliseconds per connection, connections per second, longest of a hundred in milliseconds."""

    cpu: float
    rate: float
    p99: float


def start_mitmdump(processes: Processes, directory: Path, name: str, *options: str) -> Contender:
    """Start a mitmdump in regular mode."""
    port = free_port()
    command = [str(MITMDUMP), "-q", "--mode", f"regular@127.0.0.1:{port}", *options]
    confdir = ["--set", f"confdir={directory / name}"]
    running = processes.start(name, [*command, *confdir], lambda _: accepts_connections(port), environment=ENVIRONMENT)
    return Contender(name, port, [running.pid])


def start_serve(processes: Processes, directory: Path, name: str, workers: int) -> Contender:
    """Start `dnsfilter serve` with that many proxy workers."""
    port = free_port()
    home = directory / name.replace(" ", "-")
    home.mkdir()
    proxy = {"listen": [f"regular@127.0.0.1:{port}"], "workers": workers, "metrics": f"127.0.0.1:{free_port()}"}
    file = home / "dnsfilter.yaml"
    file.write_text(json.dumps(complete({**ORDER, "proxy": proxy}, home)))
    command = [sys.executable, "-m", "dnsfilter", "serve", "-c", str(file)]

    def find(pid: int) -> list[int]:
        return [child for child in children(pid) if "proxy_addons.program" in command_line(child)]

    running = processes.start(
        home.name,
        command,
        lambda started: len(find(started.pid)) == workers and accepts_connections(port),
        environment=ENVIRONMENT,
    )
    return Contender(name, port, find(running.pid))


def start_all(processes: Processes, directory: Path) -> list[Contender]:
    """Start every contender."""
    one_line, file = directory / "one_line.py", directory / "dnsfilter.yaml"
    one_line.write_text(ONE_LINE)
    metrics = {"proxy": {"metrics": f"127.0.0.1:{free_port()}"}}
    file.write_text(json.dumps(complete({**ORDER, **metrics}, directory)))
    return [
        start_mitmdump(processes, directory, "bare", "--set", "ignore_hosts=.*"),
        start_mitmdump(processes, directory, "one-line", "-s", str(one_line)),
        start_mitmdump(processes, directory, "addon", "-s", str(ADDON), "--set", f"dnsfilter_config={file}"),
        start_serve(processes, directory, "serve", 1),
        start_serve(processes, directory, "serve x2", 2),
    ]


def measure(contender: Contender, origin: int, connections: int) -> Result:
    """Send one round of connections through a proxy."""
    before = sum(map(cpu_seconds, contender.pids))
    words = [str(contender.port), str(origin), str(connections), str(CONCURRENCY)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.tunnels", "load", *words],
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=600,
    )
    run = json.loads(done.stdout)
    if run["failures"]:
        raise SystemExit(f"{contender.name}: {run['failures']} connections failed")
    spent = sum(map(cpu_seconds, contender.pids)) - before
    return Result(1000 * spent / connections, run["connections"] / run["seconds"], 1000 * run["p99"])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=2000, help="of one round")
    arguments = parser.parse_args()
    origin = free_port()
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        behind = [sys.executable, "-m", "tests.bench.tunnels", "origin", str(origin)]
        processes.start("origin", behind, lambda _: accepts_connections(origin), environment=ENVIRONMENT)
        contenders = start_all(processes, Path(name))
        rounds = [
            {each.name: measure(each, origin, arguments.connections) for each in contenders}
            for _ in range(arguments.rounds + 1)
        ][1:]
    for each in contenders:
        results = [found[each.name] for found in rounds]
        figures = [statistics.median(values) for values in zip(*((r.cpu, r.rate, r.p99) for r in results), strict=True)]
        print("{:10} {:6.2f} ms CPU {:7.0f} /s   p99 {:6.1f} ms".format(each.name, *figures))
    for title, first, second, bar in BARS:
        ratios = [found[first].cpu / found[second].cpu for found in rounds]
        print(f"{title:26} {statistics.median(ratios):5.2f}   bar {bar}")
    ratios = [found["serve x2"].rate / found["serve"].rate for found in rounds]
    print(f"{'throughput: serve x2 / x1':26} {statistics.median(ratios):5.2f}   bar >= 1.7")
    ratios = [found["addon"].p99 / found["one-line"].p99 for found in rounds]
    print(f"{'p99: addon / one-line':26} {statistics.median(ratios):5.2f}   bar <= 1.1")


if __name__ == "__main__":
    main()
