"""One policy: resolver, addon, `explain` and `export` say the same of every name, client, time and channel."""

import ipaddress
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
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
from dnsfilter.clients.table import ClientTable
from dnsfilter.feeds.snapshot import Snapshot
from dnsfilter.journal import Journal
from dnsfilter.model import Client, Decision, DnsAction, Phase, ProxyAction, Transport
from dnsfilter.policy.engine import Engine
from dnsfilter.process.publisher import compile_all
from dnsfilter.resolver import Resolver
from dnsfilter.settings.order import Blocklist
from dnsfilter.tally import Tally
from proxy_addons.names import destination_targets, hello_targets, request_targets
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
blocklists: [{{name: own, file: own.yaml}}, {{name: more, file: more.yaml}}]
allow:
  - {{name: press.listed.example, reason: press office}}
  - {{name: until.listed.example, reason: a week, until: 2023-03-20}}
policies:
  - name: order
    blocklists: [own]
    phases: {{observe: 2023-02-23, warn: 2023-03-01, enforce: 2023-03-15}}
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
"""
MORE = "app: more\nentries:\n  - {suffix: more.example, role: web, grade: none}\n"

NXDOMAIN = 3
LATE = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
LABELS = st.sampled_from("www api api16 xapi press until free only a-b _s more listed".split(" "))  # noqa: SIM905
ENDS = st.sampled_from(
    ["listed.example", "only.example", "more.example", "unlisted.example", "example", "press.listed.example", "invalid"]
)
NAMES = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, max_size=3), ENDS)
SPELLINGS = st.sampled_from([str, str.upper, str.title, "{}.".format])
CLIENTS = st.sampled_from(["10.20.0.1", "10.99.0.1", "192.168.0.1"])
DATES = [datetime(2023, month, day, tzinfo=UTC) for month, day in ((2, 23), (3, 1), (3, 5), (3, 15), (3, 20), (4, 1))]
MOMENTS = st.builds(lambda date, seconds: date + timedelta(seconds=seconds), st.sampled_from(DATES), st.integers(-9, 9))
CHANNELS = st.sampled_from(["sni", "host", "connect", "destination"])


class House:
    """One configuration and everybody who decides by it."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "dnsfilter.yaml"
        self.file.write_text(CONFIGURATION.format(state=directory / "var"))
        (directory / "own.yaml").write_text(OWN)
        (directory / "more.yaml").write_text(MORE)
        (directory / "var").mkdir()
        self.configuration, self.lists, _ = compile_all(self.file)
        self.exported = directory / "export.rpz"
        self.snapshot = Snapshot(1, 0.0, self.configuration, tuple(self.lists))
        self.exports = {policy.name: self.export(policy.name) for policy in self.configuration.policies}

    def resolve(self, name: str, client: str, now: float) -> bool:
        """Return whether the resolver blocks a name."""
        resolver = Resolver(Tally(Journal("worker-0", "test")), Cache(self.configuration.cache))
        engine = Engine(self.configuration, self.lists)
        resolver.adopt(self.configuration, engine, Directory(self.configuration.groups, ClientTable()), now)
        seat = resolver.seats.take(ipaddress.ip_address(client).packed, 0.0)
        answer = resolver.receive(make_query(name), seat, Transport.UDP, 0.0)
        return isinstance(answer, bytes) and rcode_of(answer) == NXDOMAIN

    def pass_by(self, name: str, client: str, now: float, channel: str) -> ProxyAction:
        """Return what the addon decides about a name, wherever it stands."""
        place = ("192.0.2.1", 443)
        if channel == "sni":
            parsed = parse_client_hello(client_hello(name))
            assert parsed is not None
            targets = hello_targets(ClientHelloData(proxy_context(place), parsed))
        elif channel == "destination":
            targets = destination_targets((name, 443))
        else:
            fields = {"host": name} if channel == "connect" else {"host": place[0], "headers": Headers(host=name)}
            targets = request_targets(tflow.tflow(req=tutils.treq(**fields)))
        proxy = PolicyInForce(self.snapshot, Directory(self.configuration.groups, ClientTable()))
        return proxy.decide(proxy.find_client(client, now), targets, now).action

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
    assert (proxy is ProxyAction.REFUSE) is dns.is_blocking or name.endswith("invalid")
    assert (proxy in {ProxyAction.OBSERVE, ProxyAction.WARN}) is (dns is DnsAction.OBSERVE)


@settings(max_examples=150, deadline=None)
@given(NAMES, st.sampled_from(["order", "stricter"]))
def test_the_export_agrees(house: House, name: str, policy: str) -> None:
    """Another server with the export of a policy blocks what we block by it once it blocks, and nothing else."""
    alone = next(each for each in house.configuration.policies if each.name == policy)
    always = alone.model_copy(update={"groups": (), "phases": {Phase.ENFORCE: alone.phases[Phase.ENFORCE]}})
    ours = Engine(house.configuration.model_copy(update={"policies": (always,)}), house.lists)
    decision = ours.view(Client(), LATE).decide(name)
    exported = house.exports[policy].view(Client(), LATE).decide(name)
    assert _is_ordered(exported) is _is_ordered(decision)


def _is_ordered(decision: Decision) -> bool:
    """Whether a policy blocks, and not what is the same for everybody (special-use names)."""
    return decision.is_blocking and bool(decision.policy)
