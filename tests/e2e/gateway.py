"""A house behind a gateway, in network namespaces of its own: an office, a phone, the gateway, and the internet.

    office  10.20.0.2, a device            gateway  10.20.0.1    internet  every address that a test wants
            10.20.0.5, the upstream                 10.20.1.1
    phone   10.20.1.2, over WireGuard               203.0.113.1

dnsfilter and its proxy run on the gateway, with the configuration of deploy/nftables, under the rules it exports.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.proxy import Fetched, curl
from tests.e2e.server import ENVIRONMENT, ROOT, parse_metrics
from tests.e2e.unbound import CONFIGURATION
from tests.fakes.internet import READY
from tests.fakes.origin import make_certificate
from tests.processes import Processes, Running, free_port, miss, require_program

EXAMPLE = ROOT / "deploy" / "nftables" / "dnsfilter.yaml"
UPSTREAM, GATEWAY = "10.20.0.5", "10.20.0.1"
DEVICE = {4: "10.20.0.2", 6: "fd00:20::2"}
SINKHOLES = {4: "10.66.66.66", 6: "fd00:66::66"}
LISTED = {4: "71.18.0.7", 6: "2404:9dc0:cd01::7"}
UNLISTED = {4: "203.0.113.9", 6: "2001:db8:113::9"}
DOH = {4: "8.8.8.8", 6: "2001:4860:4860::8888"}
PARENT = "203.0.113.10"
LISTED_NAME, UNLISTED_NAME = "www.tiktok.com", "www.example.org"
ADDRESSES = (*LISTED.values(), *UNLISTED.values(), *DOH.values(), PARENT)
PORTS = {"regular": 8081, "upstream": 8082, "socks5": 1080}
WIREGUARD_PORT = 51820

_ZONE = f"""\
$TTL 300
@                 SOA   ns.example. hostmaster.example. 1 3600 900 604800 60
@                 NS    ns.example.
{LISTED_NAME}.    A     {LISTED[4]}
{LISTED_NAME}.    AAAA  {LISTED[6]}
{UNLISTED_NAME}.  A     {UNLISTED[4]}
{UNLISTED_NAME}.  AAAA  {UNLISTED[6]}
"""
"""As the internet has it: who got past the resolver would find the banned server."""

_LINKS = """\
set -e
link() {{  # namespace, its end, the gateway's end
    ip link add $2-{tag} type veth peer name $3-{tag}
    ip link set $2-{tag} netns $1 name $2
    ip link set $3-{tag} netns {gateway} name $3
    ip -n $1 link set $2 up
    ip -n {gateway} link set $3 up
}}
link {office} inside lan
link {phone} inside wlan
link {internet} outside wan
for name in {office} {phone} {gateway} {internet}; do ip -n $name link set lo up; done
ip netns exec {gateway} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'

for address in 10.20.0.2/24 10.20.0.5/24; do ip -n {office} address add $address dev inside; done
ip -n {office} address add fd00:20::2/64 dev inside nodad
ip -n {phone} address add 10.20.1.2/24 dev inside
ip -n {gateway} address add 10.20.0.1/24 dev lan
ip -n {gateway} address add fd00:20::1/64 dev lan nodad
ip -n {gateway} address add 10.20.1.1/24 dev wlan
ip -n {gateway} address add 203.0.113.1/30 dev wan
ip -n {gateway} address add 2001:db8:113::1/126 dev wan nodad
ip -n {internet} address add 203.0.113.2/30 dev outside
ip -n {internet} address add 2001:db8:113::2/126 dev outside nodad
for address in {addresses}; do ip -n {internet} address add $address dev lo nodad; done

ip -n {office} route add default via 10.20.0.1
ip -n {office} route add default via fd00:20::1
ip -n {gateway} route add default via 203.0.113.2
ip -n {gateway} route add default via 2001:db8:113::2
ip -n {internet} route add default via 203.0.113.1
ip -n {internet} route add default via 2001:db8:113::1
"""
_WITH_RESOLVER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


def resolve(name: str, address: str) -> tuple[str, str]:
    """Return options with which curl needs no resolver, as an app with built-in addresses."""
    return "--resolve", f"{name}:443:[{address}]" if ":" in address else f"{name}:443:{address}"


class House:
    """The namespaces and what runs in them."""

    def __init__(self, processes: Processes, directory: Path) -> None:
        self.directory = directory
        self.processes = processes
        tag = f"{free_port()}"
        self.names = {kind: f"dnsfilter-{kind}-{tag}" for kind in ("office", "phone", "gateway", "internet")}
        self.tunnel = f"wg{tag}"  # its control socket has a place that all namespaces share
        self._links = _LINKS.format(tag=tag, addresses=" ".join(ADDRESSES), **self.names)
        self.certificate = make_certificate(directory, LISTED_NAME, UNLISTED_NAME, *ADDRESSES)
        self.internet: Running

    def build(self) -> None:
        """Lay the cables and start what is there before the gateway does anything."""
        for name in self.names.values():
            made = _run("ip", "netns", "add", name)
            if made.returncode:
                miss(f"no network namespace can be made here: {made.stderr.strip()}")
        done = _run("sh", "-c", self._links)
        assert done.returncode == 0, done.stderr
        for kind, server in (("office", DOH[4]), ("gateway", UPSTREAM), ("phone", UPSTREAM)):
            (self.directory / f"resolv.{kind}").write_text(f"nameserver {server}\n")
        command = [sys.executable, str(ROOT / "tests" / "fakes" / "internet.py"), str(self.certificate), *ADDRESSES]
        self.internet = self.start("internet", "internet", command, READY)
        self._start_upstream()

    def tear_down(self) -> None:
        """Remove the namespaces, and with them every link and rule."""
        for name in self.names.values():
            _run("ip", "netns", "delete", name)

    def inside(self, kind: str) -> list[str]:
        """Return the beginning of a command that runs in a namespace, with its own name server."""
        enter = ["ip", "netns", "exec", self.names[kind]]
        resolver = self.directory / f"resolv.{kind}"
        if not resolver.exists():
            return enter
        return [*enter, "unshare", "--mount", "sh", "-c", _WITH_RESOLVER, "sh", str(resolver)]

    def run(self, kind: str, *command: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in a namespace to its end."""
        return _run(*self.inside(kind), *command, data=data)

    def start(self, kind: str, name: str, command: Sequence[str], ready: str) -> Running:
        """Start a program in a namespace, and wait for what it writes once it is ready."""
        return self.processes.start(
            name, [*self.inside(kind), *command], lambda running: ready in running.output, environment=ENVIRONMENT
        )

    def curl(self, kind: str, url: str, *options: str) -> Fetched:
        """Fetch a URL from a namespace; the internet's certificate is trusted there, and no other."""
        return curl(url, "--cacert", str(self.certificate), *options, prefix=self.inside(kind))

    def count(self, protocol: str = "", port: int | str = "", address: str = "", peer: str = "") -> int:
        """Return how much of that kind has reached the internet."""
        wanted = (protocol, str(port), address, peer)
        lines = ([*line.split(" "), "", ""] for line in self.internet.output.splitlines() if line != READY)
        return sum(all(one in {"", other} for one, other in zip(wanted, line, strict=False)) for line in lines)

    def _start_upstream(self) -> None:
        zone, configuration = self.directory / "zone", self.directory / "unbound.conf"
        zone.write_text(_ZONE)
        more = "  access-control: 0.0.0.0/0 allow"
        text = CONFIGURATION.format(directory=self.directory, port=53, zone=zone, more=more)
        text = text.replace("interface: 127.0.0.1@53", f"interface: {UPSTREAM}@53").replace("  interface: ::1@53\n", "")
        configuration.write_text(text)
        unbound = [require_program("unbound", "unbound"), "-c", str(configuration)]
        self.start("office", "unbound", unbound, "start of service")


class Filter:
    """dnsfilter on the gateway of a house; `more` are further sections of its configuration."""

    def __init__(self, house: House, phases: Mapping[str, str], more: Mapping[str, Any] | None = None) -> None:
        self.house = house
        self.directory = house.directory / "-".join([*phases, *(more or {})])
        self.directory.mkdir()
        self.file = self.directory / "dnsfilter.yaml"
        self.file.write_text(json.dumps({**self._configure(phases), **(more or {})}, default=str))
        self.running = house.processes.start(
            "dnsfilter",
            [*house.inside("gateway"), sys.executable, "-m", "dnsfilter", "serve", "-c", str(self.file)],
            lambda _: self._is_ready(),
            environment=ENVIRONMENT,
            seconds=40,
        )
        self.load_rules("listed")

    def load_rules(self, redirect: str) -> None:
        """Put the rules of its gateway in force."""
        command = ["lists", "export", "--format", "nftables", "--gateway", redirect, "-c", str(self.file)]
        rules = self.house.run("gateway", sys.executable, "-P", "-m", "dnsfilter", *command)
        assert rules.returncode == 0, rules.stderr
        for options in (["-c"], []):
            loaded = self.house.run(
                "gateway", require_program("nft", "nftables"), *options, "-f", "-", data=rules.stdout
            )
            assert loaded.returncode == 0, loaded.stderr

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples, of resolver and proxy, whose labels include the given ones."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        samples = {**self._fetch(9153), **self._fetch(9154)}
        return sum(
            value
            for series, value in samples.items()
            if series.partition("{")[0] == name and all(label in series for label in wanted)
        )

    def counter(self, rule: str) -> int:
        """Return how many packets have met the rule that contains a text."""
        table = ("list", "table", "inet", "dnsfilter")
        listed = self.house.run("gateway", require_program("nft", "nftables"), *table).stdout
        words = [line.split() for line in listed.splitlines() if rule in line]
        return sum(int(line[line.index("packets") + 1]) for line in words)

    def stop(self) -> None:
        """End it."""
        assert self.running.stop() == 0

    def _configure(self, phases: Mapping[str, str]) -> dict[str, Any]:
        example = yaml.safe_load(EXAMPLE.read_text())
        example["proxy"]["listen"] += [
            f"regular@{GATEWAY}:{PORTS['regular']}",
            f"upstream:http://{PARENT}:3128@{GATEWAY}:{PORTS['upstream']}",
            f"socks5@{GATEWAY}:{PORTS['socks5']}",
            f"wireguard@{WIREGUARD_PORT}",
        ]
        for policy in example["policies"]:
            policy["phases"] = dict(phases)
        return {
            **example,
            "state": str(self.directory / "var"),
            "store": {"url": f"sqlite:///{self.directory / 'dnsfilter.db'}"},
            "privacy": {"pseudonym_key": str(self.directory / "pseudonym.key")},
        }

    def _is_ready(self) -> bool:
        ports = [8080, 8443, *PORTS.values(), WIREGUARD_PORT]  # the proxy opens the last, once it has keys
        listening = self.house.run("gateway", "ss", "-Hltun").stdout
        return all(f":{port} " in listening for port in ports) and "dnsfilter_build_info" in self._text(9153)

    def _fetch(self, port: int) -> dict[str, float]:
        return parse_metrics(self._text(port))

    def _text(self, port: int) -> str:
        return self.house.run("gateway", "curl", "-s", "-m", "5", f"http://127.0.0.1:{port}/metrics").stdout


@contextmanager
def build_house(processes: Processes, directory: Path) -> Iterator[House]:
    """Build a house, and remove it in the end."""
    for program, package in (("ip", "iproute2"), ("nft", "nftables"), ("dig", "bind9-dnsutils"), ("curl", "curl")):
        require_program(program, package)
    house = House(processes, directory)
    try:
        house.build()
        yield house
    finally:
        processes.end()
        house.tear_down()


def _run(*command: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=data, capture_output=True, text=True, check=False, timeout=60)
