"""Exports, loaded into the real servers and asked what we are asked: same verdicts."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, DNSRecord

from dnsfilter.blocklist.formats import parse_list
from dnsfilter.blocklist.parsed import Kind
from dnsfilter.model import ListFormat
from dnsfilter.settings.order import Blocklist
from tests.e2e.bind import start_bind
from tests.e2e.server import command
from tests.processes import Processes, free_port, miss, require_program

FREE = "198.51.100.1"
SINKHOLE = "192.0.2.66"

CATALOGUE = """\
app: order
role: web
grade: weak
entries:
  - {suffix: suffix.example}
  - {exact: exact.example}
  - {suffix: free.suffix.example, passthru: true}
  - {suffix: deep.free.suffix.example}
  - {exact: leaf.free.suffix.example}
  - {exact: only.suffix.example, passthru: true}
  - {exact: a.b.c.suffix.example, passthru: true}
  - {exact: p.q.r.free.suffix.example, answer: nxdomain}
  - {pattern: "api*.suffix.example", grade: strong}
  - {pattern: "api*.pattern.example"}
  - {suffix: null.example, answer: "null"}
  - {suffix: nodata.example, answer: nodata}
  - {suffix: refused.example, answer: refused}
  - {exact: nxdomain.example, answer: nxdomain}
  - {suffix: akamaized.net}
  - {suffix: tiktokcdn.com.akamaized.net}
networks:
  - {cidr: 203.0.113.0/24}
  - {cidr: 203.0.113.128/25, passthru: true}
  - {cidr: 203.0.113.192/26}
  - {cidr: "2001:db8:1::/48"}
"""
EXTRA = "plain.example\nunder_score.example\nxn--bcher-kva.example\n"
ZONE = "*.below.example CNAME .\nrpz-exact.example CNAME .\nfreed.below.example CNAME rpz-passthru.\n"
SETTINGS = """\
upstreams: [{servers: [192.0.2.53]}]
sinkhole: {ipv4: 192.0.2.66, ipv6: "2001:db8::66"}
blocklists:
  - {name: order, file: order.yaml}
  - {name: extra, file: extra.txt}
  - {name: zone, file: zone.rpz, format: rpz}
  - {name: tiktok, file: tiktok.yaml}
allow:
  - {name: press.suffix.example, reason: press}
  - {name: old.suffix.example, reason: over, until: 2020-01-01}
  - {name: vip.suffix.example, reason: some, groups: [some]}
groups: [{name: some, networks: [192.0.2.0/24]}]
policies:
  - {name: order, blocklists: [order, tiktok], phases: {enforce: 2023-03-15}}
  - {name: extra, blocklists: [extra, zone], phases: {enforce: 2023-03-15}, answer: nxdomain}
  - {name: later, blocklists: [order], phases: {observe: 2023-03-15}}
"""
ASKED = """\
suffix.example www.suffix.example a.b.suffix.example xsuffix.example exact.example www.exact.example
free.suffix.example www.free.suffix.example deep.free.suffix.example www.deep.free.suffix.example
leaf.free.suffix.example www.leaf.free.suffix.example only.suffix.example www.only.suffix.example a.b.c.suffix.example
b.c.suffix.example c.suffix.example x.c.suffix.example x.b.c.suffix.example x.a.b.c.suffix.example
p.q.r.free.suffix.example q.r.free.suffix.example x.q.r.free.suffix.example api16.suffix.example api16.pattern.example
www.pattern.example pattern.example null.example www.null.example nodata.example www.nodata.example refused.example
www.refused.example nxdomain.example www.nxdomain.example akamaized.net www.akamaized.net tiktokcdn.com.akamaized.net
v16.tiktokcdn.com.akamaized.net plain.example www.plain.example under_score.example xn--bcher-kva.example
below.example www.below.example freed.below.example www.freed.below.example rpz-exact.example www.rpz-exact.example
press.suffix.example www.press.suffix.example old.suffix.example vip.suffix.example www.tiktok.com
analytics.tiktok.com api16-normal.tiktokv.eu www.example.org unlisted.example use-application-dns.net
www.use-application-dns.net resolver.arpa _dns.resolver.arpa byteoversea.com x.byteoversea.com
"""
NAMES = tuple(ASKED.split())
PATTERNS = {"api16.pattern.example"}
"""What only a pattern covers."""
EMPTY = {"nodata": ("NOERROR", ""), "nxdomain": ("NXDOMAIN", ""), "refused": ("REFUSED", "")}
OUTCOMES = {
    "resolve": ("NOERROR", FREE),
    "sinkhole": ("NOERROR", SINKHOLE),
    "null": ("NOERROR", "0.0.0.0"),
    **EMPTY,
}
"""By our action: the rcode and the address that a client sees."""

UNBOUND = """\
server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: ""
  do-daemonize: no
  use-syslog: no
  interface: 127.0.0.1@{port}
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "resolver.arpa." nodefault
{zone}
remote-control:
  control-enable: no
"""
FORWARDING = """
include: "{file}"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
EVERYTHING_FREE = f'  local-zone: "." redirect\n  local-data: ". A {FREE}"\n'


class Resolver:
    """A server on a port of loopback."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, name: str, qtype: str = "A") -> tuple[str, str]:
        """Return rcode and addresses."""
        data = DNSRecord.question(name, qtype).send("127.0.0.1", self.port, timeout=5)
        answer = DNSRecord.parse(data)
        addresses = [str(record.rdata) for record in answer.rr if record.rtype == QTYPE.A]
        return RCODE[answer.header.rcode], ",".join(addresses)

    def answers(self) -> bool:
        """Whether it answers yet."""
        try:
            return self.ask("ready.example") == ("NOERROR", FREE)
        except OSError:
            return False


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the configuration and its lists."""
    path = tmp_path_factory.mktemp("exports")
    for name, text in (
        ("order.yaml", CATALOGUE),
        ("extra.txt", EXTRA),
        ("zone.rpz", ZONE),
        ("dnsfilter.yaml", SETTINGS),
    ):
        (path / name).write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def verdicts(directory: Path) -> dict[str, str]:
    """Return our action for every name."""
    done = command("explain", *NAMES, "--client", "10.0.0.1", "--json", "-c", str(directory / "dnsfilter.yaml"))
    assert done.returncode == 0, done.stderr
    found = {(fields := json.loads(line))["name"]: fields["dns"] for line in done.stdout.splitlines()}
    assert set(found) == set(NAMES)
    assert set(found.values()) == set(OUTCOMES)
    return found


@pytest.fixture(scope="module")
def upstream(module_processes: Processes, directory: Path) -> Resolver:
    """Start a resolver that gives every name the same address."""
    return start_unbound(module_processes, directory, "everything", EVERYTHING_FREE)


def start_unbound(processes: Processes, directory: Path, name: str, zone: str) -> Resolver:
    """Start unbound on a port of its own."""
    resolver = Resolver(free_port())
    file = directory / f"{name}.conf"
    file.write_text(UNBOUND.format(directory=directory, port=resolver.port, zone=zone))
    program = require_program("unbound", "unbound")
    processes.start(f"unbound-{name}", [program, "-d", "-c", str(file)], lambda _: resolver.answers())
    return resolver


def export(directory: Path, syntax: str, *options: str) -> tuple[Path, str]:
    """Write an export; return the file and what was said of it."""
    file = directory / f"export.{syntax}"
    done = command(
        "lists", "export", "--format", syntax, "-o", str(file), *options, "-c", str(directory / "dnsfilter.yaml")
    )
    assert done.returncode == 0, done.stderr
    file.chmod(0o644)
    return file, done.stderr


def expected(verdicts: dict[str, str], softened: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the outcome of every name that an export can say; `softened` maps actions to the nearest there is."""
    return {name: OUTCOMES[softened.get(action, action)] for name, action in verdicts.items() if name not in PATTERNS}


def test_rpz_in_bind(
    processes: Processes, directory: Path, tmp_path: Path, upstream: Resolver, verdicts: dict[str, str]
) -> None:
    """BIND with the zone as response policy answers what we answer, but for REFUSED, which RPZ lacks."""
    file, told = export(directory, "rpz")
    resolver = Resolver(free_port())
    start_bind(processes, tmp_path, resolver.port, upstream.port, file, resolver.answers)
    wanted = expected(verdicts, {"refused": "nxdomain"})
    assert {name: resolver.ask(name) for name in wanted} == wanted
    assert "api*.pattern.example" in told
    assert "NXDOMAIN instead of REFUSED" in told


def test_unbound(processes: Processes, directory: Path, upstream: Resolver, verdicts: dict[str, str]) -> None:
    """Unbound with the local zones included answers what we answer; what it cannot is told and errs to freeing."""
    file, told = export(directory, "unbound")
    forwarding = FORWARDING.format(file=file, upstream=upstream.port)
    resolver = start_unbound(processes, directory, "exported", forwarding)
    wanted = expected(verdicts, {})
    for name in ("nxdomain.example", "p.q.r.free.suffix.example", "use-application-dns.net", "rpz-exact.example"):
        wanted[name] = OUTCOMES["nodata"]
    for name in ("www.below.example", "www.freed.below.example", "x.a.b.c.suffix.example", "www.only.suffix.example"):
        wanted[name] = OUTCOMES["resolve"]
    assert {name: resolver.ask(name) for name in wanted} == wanted
    assert "what is below the name goes free with it: 4 " in told
    assert "NODATA for the name alone instead of NXDOMAIN" in told


def test_dnsmasq(
    processes: Processes, directory: Path, tmp_path: Path, upstream: Resolver, verdicts: dict[str, str]
) -> None:
    """Dnsmasq with the file answers what we answer, with NXDOMAIN where it has neither NODATA nor REFUSED."""
    file, told = export(directory, "dnsmasq")
    resolver = start_dnsmasq(processes, tmp_path, upstream, f"--conf-file={file}")
    wanted = expected(verdicts, {"nodata": "nxdomain", "refused": "nxdomain"})
    assert {name: resolver.ask(name) for name in wanted} == wanted
    assert resolver.ask("www.suffix.example", "HTTPS")[1] == ""
    assert "NXDOMAIN instead of NODATA or REFUSED" in told


def start_dnsmasq(processes: Processes, directory: Path, upstream: Resolver, option: str) -> Resolver:
    """Start dnsmasq in front of the upstream."""
    program = require_program("dnsmasq", "dnsmasq-base")
    resolver = Resolver(free_port())
    options = ["--keep-in-foreground", f"--port={resolver.port}", "--listen-address=127.0.0.1", "--bind-interfaces"]
    options += ["--no-resolv", "--no-hosts", f"--server=127.0.0.1#{upstream.port}", "--user=root", "--log-facility=-"]
    options += [f"--pid-file={directory / 'dnsmasq.pid'}", "--log-debug"]
    configuration = [] if option.startswith("--conf-file") else ["--conf-file=/dev/null"]
    processes.start("dnsmasq", [program, *options, *configuration, option], lambda _: resolver.answers())
    return resolver


def test_hosts_in_dnsmasq(
    processes: Processes, directory: Path, tmp_path: Path, upstream: Resolver, verdicts: dict[str, str]
) -> None:
    """A hosts file blocks the very names that lists mention, with an address, and never more than we block."""
    file, told = export(directory, "hosts")
    resolver = start_dnsmasq(processes, tmp_path, upstream, f"--addn-hosts={file}")
    listed = {line.split()[1] for line in file.read_text().splitlines() if not line.startswith("#")}
    soft = dict.fromkeys(EMPTY, "null")
    wanted = {
        name: outcome if name in listed else OUTCOMES["resolve"] for name, outcome in expected(verdicts, soft).items()
    }
    assert {name: resolver.ask(name) for name in wanted} == wanted
    assert all(verdicts[name] != "resolve" for name in listed & set(NAMES))
    assert {"suffix.example", "exact.example", "deep.free.suffix.example", "rpz-exact.example"} <= listed
    assert "not what is below it" in told
    assert "canary names" in told


def test_adguard_as_we_read_it(directory: Path, verdicts: dict[str, str]) -> None:
    """The AdGuard list, read by our own parser and matched as AdGuard does, blocks and frees what we do."""
    file, told = export(directory, "adguard")
    blocklist = Blocklist(name="exported", file="f", format=ListFormat.ADBLOCK)
    parsed = parse_list(file.read_text(), "exported", blocklist)
    assert parsed.problems == ()

    def covers(name: str, suffixes: Kind, exacts: Kind) -> bool:
        names = parsed.names
        return name in names[exacts] or any(name == each or name.endswith(f".{each}") for each in names[suffixes])

    blocked = {
        name: covers(name, Kind.SUFFIX, Kind.EXACT) and not covers(name, Kind.PASSED_SUFFIX, Kind.PASSED_EXACT)
        for name in NAMES
    }
    wanted = {name: action != "resolve" for name, action in verdicts.items()}
    for name in PATTERNS | {name for name in NAMES if name.endswith(".free.suffix.example")}:
        wanted[name] = False
    assert blocked == wanted
    assert "free because what is above or below is freed: 3 (deep.free.suffix.example," in told


@pytest.mark.parametrize("address", ["203.0.113.1", "203.0.113.129", "203.0.113.193", "2001:db8:1::1", "192.0.2.1"])
def test_nftables(network: Callable[..., subprocess.CompletedProcess[str]], directory: Path, address: str) -> None:
    """The kernel's set holds the addresses that our networks hold, less those that a smaller one frees."""
    file, told = export(directory, "nftables")
    assert network("-c", "-f", str(file)).returncode == 0
    for _ in range(2):
        assert network("-f", str(file)).returncode == 0
    listed = "listed_ipv6" if ":" in address else "listed_ipv4"
    done = network("get", "element", "inet", "dnsfilter", listed, f"{{ {address} }}")
    assert (done.returncode == 0) == (address in ("203.0.113.1", "203.0.113.193", "2001:db8:1::1"))
    assert "only networks are here" in told


@pytest.fixture
def network() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Make a network namespace of its own and run nft in it."""
    nft, ip = require_program("nft", "nftables"), require_program("ip", "iproute2")
    name = f"dnsfilter-test-{free_port()}"
    made = subprocess.run([ip, "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        miss(f"no network namespace can be made here: {made.stderr.strip()}")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [ip, "netns", "exec", name, nft, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    yield run
    subprocess.run([ip, "netns", "delete", name], check=True)


@pytest.mark.parametrize("syntax", ["rpz", "hosts", "unbound", "dnsmasq", "adguard", "nftables"])
def test_the_same_lists_give_the_same_file(directory: Path, syntax: str) -> None:
    """Two exports are the same to the octet, and one of a policy alone holds nothing of another."""
    first = export(directory, syntax)[0].read_bytes()
    assert export(directory, syntax)[0].read_bytes() == first
    alone = export(directory, syntax, "--policy", "extra")[0].read_text()
    lines = [line for line in alone.splitlines() if "exception vip.suffix.example" not in line]
    assert not any("suffix.example" in line or "203.0.113" in line for line in lines)
    assert any("plain.example" in line for line in lines)
