"""One policy: resolver, addon, `explain` and `export` say the same of every name, client, time and channel."""

import ipaddress
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from dnslib import QTYPE, RR, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.http import Headers
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.test import tflow, tutils
from mitmproxy.tls import ClientHelloData

from dnsfilter.blocklist.compiler import compile_list
from dnsfilter.blocklist.formats import parse_list
from dnsfilter.cache import Cache
from dnsfilter.cli.explain import explain
from dnsfilter.cli.lists_export import export
from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import compile_table
from dnsfilter.feeds.clients import publish_clients, read_client_sources, read_clients
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.journal import Journal
from dnsfilter.model import Client, DnsAction, Phase, ProxyAction, Transport
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all
from dnsfilter.resolver import Pending, Resolver
from dnsfilter.settings.order import Blocklist
from dnsfilter.tally import Tally
from proxy_addons.names import Target, destination_targets, hello_targets, request_targets
from proxy_addons.policy import PolicyInForce
from tests.fakes.hello import client_hello
from tests.fakes.mitmproxy import proxy_context
from tests.fakes.resolving import make_query, rcode_of

CONFIGURATION = """\
state: {state}
timezone: UTC
upstreams: [{{servers: [192.0.2.53]}}]
groups:
  - {{name: corporate, networks: [10.20.0.0/16]}}
  - {{name: guests, networks: [10.99.0.0/16]}}
inventory: {directory}/devices.csv
blocklists: [{{name: own, file: own.yaml}}, {{name: more, file: more.yaml}}, {{name: tools, file: tools.yaml}}]
allow:
  - {{name: press.listed.example, reason: press office}}
  - {{name: until.listed.example, reason: a week, until: 2023-03-20}}
  - {{name: mail.tools.example, reason: guests may, groups: [guests]}}
  - {{name: lone.tools.example, reason: all may}}
policies:
  - name: order
    blocklists: [own]
    phases: {{observe: 2023-02-23, warn: 2023-03-01, enforce: 2023-03-15, quarantine: 2023-03-25}}
    quarantine: {{blocklists: [tools]}}
    answer: nxdomain
  - name: stricter
    blocklists: [more]
    groups: [guests]
    phases: {{enforce: 2023-03-05}}
    answer: nxdomain
"""
OWN = """\
app: own
entries:
  - {suffix: listed.example, role: web, grade: weak}
  - {exact: free.listed.example, role: web, grade: none, passthru: true}
  - {pattern: "api*.listed.example", role: app-api, grade: strong}
  - {exact: only.example, role: web, grade: weak}
  - {suffix: akamaized.net, role: cdn-media, grade: weak}
  - {suffix: listed.akamaized.net, role: cdn-media, grade: weak}
networks:
  - {cidr: 198.51.100.0/24}
  - {cidr: "2001:db8:1::/48"}
"""
MORE = """\
app: more
entries: [{suffix: more.example, role: web, grade: none}]
networks: [{cidr: 203.0.113.128/25}]
"""
TOOLS = """\
app: tools
entries: [{suffix: tools.example, role: web, grade: none}]
networks: [{cidr: 203.0.113.0/28}]
"""
INVENTORY = "id,name,owner,mail,group,mac,ip\nL-1,,,,corporate,,10.20.0.8\nL-2,,,,corporate,,10.20.0.9\n"
QUARANTINED = {"L-2": frozenset({"order"})}

NXDOMAIN = 3
A, AAAA = 1, 28
LATE = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
LABELS = st.sampled_from("www api api16 xapi press until free only a-b _s more listed mail".split(" "))  # noqa: SIM905
DOMAINS = """listed.example only.example more.example unlisted.example example press.listed.example invalid
akamaized.net listed.akamaized.net tools.example lone.tools.example use-application-dns.net"""
ENDS = st.sampled_from(DOMAINS.split())
NAMES = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, max_size=3), ENDS)
SPELLINGS = st.sampled_from([str, str.upper, str.title, "{}.".format])
CLIENTS = st.sampled_from(["10.20.0.1", "10.20.0.8", "10.20.0.9", "10.99.0.1", "192.168.0.1"])
DAYS = (2, 23), (3, 1), (3, 5), (3, 15), (3, 20), (3, 25), (4, 1)
DATES = [datetime(2023, month, day, tzinfo=UTC) for month, day in DAYS]
MOMENTS = st.builds(lambda date, seconds: date + timedelta(seconds=seconds), st.sampled_from(DATES), st.integers(-9, 9))
CHANNELS = st.sampled_from(["sni", "host", "connect", "destination", "second sni", "second host"])
BORDERS = """198.51.100.0 198.51.100.255 198.51.101.0 2001:db8:1::1 2001:db8:2::1
203.0.113.127 203.0.113.128 203.0.113.15 203.0.113.16"""
ADDRESSES = st.sampled_from(BORDERS.split())
ANSWERED_FIRST = ("invalid", "use-application-dns.net")
"""What the resolver answers by itself, for everybody, and what is nobody's app: special-use names and canaries."""


class House:
    """One configuration and everybody who decides by it."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "dnsfilter.yaml"
        self.file.write_text(CONFIGURATION.format(state=directory / "var", directory=directory))
        files = {"own.yaml": OWN, "more.yaml": MORE, "tools.yaml": TOOLS, "devices.csv": INVENTORY}
        for name, text in files.items():
            (directory / name).write_text(text)
        (directory / "var").mkdir()
        self.configuration, self.lists, _ = compile_all(self.file)
        table = compile_table(read_client_sources(self.configuration).devices, (), QUARANTINED, 0.0)
        publish_clients(table, directory / "var")
        self.directory = Directory(self.configuration.groups, read_clients(directory / "var"))
        self.exported = directory / "export.rpz"
        self.snapshot = Snapshot(1, 0.0, self.configuration, tuple(self.lists))
        self.exports = {policy.name: self.export(policy.name) for policy in self.configuration.policies}

    def resolve(self, name: str, client: str, now: float, address: str = "192.0.2.10") -> bool:
        """Return whether the resolver blocks a name that leads to an address."""
        resolver = Resolver(Tally(Journal("worker-0", "test")), Cache(self.configuration.cache))
        resolver.adopt(self.configuration, Engine(self.configuration, self.lists), self.directory, now)
        seat = resolver.seats.take(ipaddress.ip_address(client).packed, 0.0)
        qtype = AAAA if ":" in address else A
        answer = resolver.receive(make_query(name, qtype), seat, Transport.UDP, 0.0)
        if isinstance(answer, Pending):
            asked = DNSRecord(DNSHeader(qr=1, ra=1), q=DNSQuestion(name, qtype))
            asked.add_answer(*RR.fromZone(f"{name.rstrip('.')}. 60 {QTYPE[qtype]} {address}"))
            answer = resolver.finish(answer, resolver.accept(answer.query, bytes(asked.pack()), 0.0), 0.0)
        assert isinstance(answer, bytes)
        return rcode_of(answer) == NXDOMAIN

    def pass_by(self, name: str, client: str, now: float, channel: str) -> ProxyAction:
        """Return what the addon decides about a name or address, wherever it stands."""
        proxy = PolicyInForce(self.snapshot, self.directory)
        return proxy.decide(proxy.find_client(client, now), _read_targets(name, channel), now).action

    def explain(self, name: str, client: str, moment: datetime) -> tuple[DnsAction, ProxyAction]:
        """Return what `explain` says of a name."""
        words = [name, "--client", client, "--at", moment.isoformat(), "-c", str(self.file), "--json"]
        done = CliRunner().invoke(explain, words, catch_exceptions=False)
        fields = json.loads(done.stdout)
        return DnsAction(fields["dns"]), ProxyAction(fields["proxy"])

    def export(self, policy: str) -> Engine:
        """Return what decides by the export of a policy, as another server would."""
        words = ["--format", "rpz", "--policy", policy, "-o", str(self.exported), "-c", str(self.file)]
        done = CliRunner().invoke(export, words, catch_exceptions=False)
        assert done.exit_code == 0
        given_list = Blocklist(name="own", file=str(self.exported), format="rpz")
        parsed = parse_list(self.exported.read_text(), str(self.exported), given_list)
        compiled = compile_list(given_list, parsed, 0.0)
        alone = self.configuration.policies[0].model_copy(update={"blocklists": ("own",)})
        return Engine(self.configuration.model_copy(update={"policies": (alone,), "allow": ()}), [compiled])


def _read_targets(name: str, channel: str) -> list[Target]:
    """Return what the addon reads where a name stands in one of many places, beside others that nobody listed."""
    place = ("192.0.2.1", 443)
    if channel.endswith("sni"):
        parsed = parse_client_hello(client_hello(*(["www.example.org"] if "second" in channel else []), name))
        assert parsed is not None
        return hello_targets(ClientHelloData(proxy_context(place), parsed))
    if channel == "destination":
        return destination_targets((name, 443))
    fields: dict[str, object] = {"host": name}
    if channel.endswith("host"):
        hosts = [(b"host", b"www.example.org")] if "second" in channel else []
        fields = {"host": place[0], "headers": Headers([*hosts, (b"host", name.encode())])}
    return request_targets(tflow.tflow(req=tutils.treq(**fields)))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return the house that every example asks."""
    return House(tmp_path_factory.mktemp("house"))


@settings(max_examples=60, deadline=None)
@given(NAMES, SPELLINGS, CLIENTS, MOMENTS, CHANNELS)
def test_nobody_disagrees(
    house: House, name: str, spell: Callable[[str], str], client: str, moment: datetime, channel: str
) -> None:
    """What is blocked in DNS is refused at the proxy and called so by `explain`, to the second, however it is spelt."""
    now = moment.timestamp()
    dns, proxy = house.explain(name, client, moment)
    assert house.resolve(spell(name), client, now) is dns.is_blocking
    assert house.pass_by(spell(name), client, now, channel) is proxy
    assert (proxy is ProxyAction.REFUSE) is dns.is_blocking or name.endswith(ANSWERED_FIRST)
    assert (proxy in {ProxyAction.OBSERVE, ProxyAction.WARN}) is (dns is DnsAction.OBSERVE)


@settings(max_examples=60, deadline=None)
@given(ADDRESSES, CLIENTS, MOMENTS)
def test_nobody_disagrees_about_addresses(house: House, address: str, client: str, moment: datetime) -> None:
    """A name that leads to an address is blocked in DNS where the proxy refuses that address; a freed name is not."""
    now = moment.timestamp()
    refused = house.pass_by(address, client, now, "destination") is ProxyAction.REFUSE
    assert house.resolve("www.unlisted.example", client, now, address) is refused
    assert house.resolve("lone.tools.example", client, now, address) is False


@pytest.mark.parametrize(
    ("name", "client", "day", "expected"),
    [
        ("www.tools.example", "10.20.0.9", (3, 25), True),
        ("www.tools.example", "10.20.0.9", (3, 24), False),
        ("www.tools.example", "10.20.0.8", (3, 25), False),
        ("lone.tools.example", "10.20.0.9", (3, 25), False),
        ("mail.tools.example", "10.20.0.9", (3, 25), True),
        ("www.akamaized.net", "10.20.0.1", (3, 25), False),
        ("www.listed.akamaized.net", "10.20.0.1", (3, 25), True),
        ("www.more.example", "10.99.0.1", (3, 25), True),
        ("www.more.example", "10.20.0.1", (3, 25), False),
    ],
)
def test_what_all_say(house: House, name: str, client: str, day: tuple[int, int], *, expected: bool) -> None:
    """What they agree about is what the order says: quarantine, exceptions by group, names that no list may block."""
    moment = datetime(2023, *day, 12, tzinfo=UTC)
    assert house.resolve(name, client, moment.timestamp()) is expected
    assert (house.pass_by(name, client, moment.timestamp(), "sni") is ProxyAction.REFUSE) is expected
    assert house.explain(name, client, moment)[0].is_blocking is expected


@settings(max_examples=150, deadline=None)
@given(NAMES, st.sampled_from(["order", "stricter"]))
def test_the_export_agrees(house: House, name: str, policy: str) -> None:
    """Another server with the export of a policy blocks what we block by it, canaries too, and nothing else."""
    alone = next(each for each in house.configuration.policies if each.name == policy)
    always = alone.model_copy(update={"groups": (), "phases": {Phase.ENFORCE: alone.phases[Phase.ENFORCE]}})
    ours = Engine(house.configuration.model_copy(update={"policies": (always,)}), house.lists)
    decision = ours.view(Client(), LATE).decide(name)
    exported = house.exports[policy].view(Client(), LATE).decide(name)
    assert exported.is_blocking is (decision.is_blocking and not name.endswith("invalid"))
