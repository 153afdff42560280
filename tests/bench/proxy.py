"""`python -m tests.bench.proxy`: CPU per passed connection of the proxy beside mitmdump, alternating in one run.

    bare        mitmdump with ignore_hosts=.*                  one-line    mitmdump -s with an addon that only passes
    addon       mitmdump -s with our addon                     serve       one worker under dnsfilter serve
    serve x2    two workers under dnsfilter serve, for throughput

Proxies may use all cores, and the load, as cheap as it is, takes its share of them: so beside the throughput of two
workers stands what each second of their CPU time passes, which is what they would do with cores of their own.
`--tls` does real TLS instead, which costs the load more than any proxy. Compare ratios.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import handshakes
from tests.bench.contenders import cpu_seconds
from tests.e2e.proxy import ADDON, MITMDUMP
from tests.e2e.server import ENVIRONMENT, complete
from tests.fakes.hello import client_hello
from tests.processes import Processes, accepts_connections, children, command_line, free_port, require_program

ONE_LINE = "def tls_clienthello(data):\n    data.ignore_connection = True\n"
ORDER = {
    "upstreams": [{"servers": ["127.0.0.1:9"]}],
    "blocklists": [{"name": "tiktok", "file": "tiktok.yaml"}],
    "policies": [{"name": "tiktok", "blocklists": ["tiktok"], "phases": {"enforce": "2023-03-15"}}],
    "selftest": {"interval": "1h"},
}
CONCURRENCY = 20


@dataclass(frozen=True, slots=True)
class Contender:
    """A running proxy and the processes whose CPU time is its price."""

    name: str
    port: int
    pids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Result:
    """One round, in milliseconds of CPU per connection (the load's own beside it) and of the longest of a hundred."""

    cpu: float
    load: float
    rate: float
    p99: float


BARS: Sequence[tuple[str, str, Callable[[Mapping[str, Result]], float]]] = (
    ("CPU: addon / one-line", "<= 1.05", lambda found: found["addon"].cpu / found["one-line"].cpu),
    ("CPU: serve / bare", "<= 0.9", lambda found: found["serve"].cpu / found["bare"].cpu),
    ("p99: addon / one-line", "<= 1.1", lambda found: found["addon"].p99 / found["one-line"].p99),
    ("throughput: serve x2 / x1", ">= 1.7", lambda found: found["serve x2"].rate / found["serve"].rate),
    ("twice x1, by CPU: serve x2 / x1", ">= 1.7", lambda found: 2 * found["serve"].cpu / found["serve x2"].cpu),
)


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


Load = Callable[[int, int, int], Mapping[str, float]]
"""Sends so many connections through a proxy's port, so many at a time."""


def make_load(directory: Path) -> Load:
    """Compile the cheapest load."""
    program, hello = directory / "tunnels", directory / "hello"
    source = Path(__file__).with_name("tunnels.c")
    subprocess.run([require_program("gcc", "gcc"), "-O2", "-o", str(program), str(source)], check=True)
    hello.write_bytes(client_hello("www.example.org"))

    def send(*numbers: int) -> Mapping[str, float]:
        command = [str(program), *map(str, numbers), str(hello)]
        done = subprocess.run(command, capture_output=True, check=True, timeout=600)
        found: dict[str, float] = json.loads(done.stdout)
        return found

    return send


def measure(contender: Contender, load: Load, connections: int) -> Result:
    """Send one round of connections through a proxy."""
    before = sum(map(cpu_seconds, contender.pids))
    run = load(contender.port, connections, CONCURRENCY)
    if run["failures"]:
        raise SystemExit(f"{contender.name}: {run['failures']} connections failed")
    spent = sum(map(cpu_seconds, contender.pids)) - before
    prices = 1000 * spent / connections, 1000 * run["cpu"] / connections
    return Result(*prices, connections / run["seconds"], 1000 * run["p99"])


def compare(rounds: Sequence[Mapping[str, Result]], title: str, bar: str, ratio: Callable[..., float]) -> None:
    """Print the median of a ratio within each round."""
    print(f"{title:36} {statistics.median(map(ratio, rounds)):5.2f}   bar {bar}")


def print_table(rounds: Sequence[Mapping[str, Result]]) -> None:
    """Print medians of all contenders, and the ratios that there are bars for."""
    for name in rounds[0]:
        results = [found[name] for found in rounds]
        columns = zip(*((each.cpu, each.load, each.rate, each.p99) for each in results), strict=True)
        figures = map(statistics.median, columns)
        print("{:10} {:6.2f} ms CPU (load {:5.2f}) {:7.0f} /s   p99 {:6.1f} ms".format(name, *figures))
    for title, bar, ratio in BARS:
        compare(rounds, title, bar, ratio)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--connections", type=int, default=400, help="of one round")
    parser.add_argument("--tls", action="store_true", help="real handshakes and requests")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        load = handshakes.make_load(Path(name)) if arguments.tls else make_load(Path(name))
        contenders = start_all(processes, Path(name))
        rounds = [
            {each.name: measure(each, load, arguments.connections) for each in contenders}
            for _ in range(arguments.rounds + 1)
        ][1:]
    print_table(rounds)


if __name__ == "__main__":
    main()
