"""The same sightings, live through the addon and replayed from its log, prove the same."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.http import Headers
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.test import taddons, tflow, tutils
from mitmproxy.tls import ClientHelloData, TlsData

from dnsfilter.clients.directory import Directory
from dnsfilter.clients.table import compile_table
from dnsfilter.feeds.clients import ClientSources, publish_clients
from dnsfilter.feeds.snapshot import Snapshot, publish_snapshot
from dnsfilter.model import CompiledList, Device, Grade, Match, Role, Rule, Sighting
from dnsfilter.process.attribution import Attributor
from dnsfilter.process.replay import Replay, gather
from dnsfilter.recording.table import COLUMNS, parse_table
from dnsfilter.store.database import IN_MEMORY, open_store
from dnsfilter.store.devices import DeviceSummary, find_device
from dnsfilter.store.pseudonyms import Pseudonyms
from dnsfilter.store.sightings import record
from proxy_addons.enforce import Enforce
from tests.fakes.hello import client_hello
from tests.fakes.mitmproxy import proxy_client, proxy_context
from tests.fakes.published import PHASES, TRUSTING, configuration

DEVICE = Device("L-1", "", "", "", "managed", (), (TRUSTING,))
PSEUDONYMS = Pseudonyms(b"k" * 32)
FIELDS = ("app", "blocklist", "rule", "role", "grade", "channel", "action", "group")
HOSTS = st.sampled_from(
    ["api1.tiktokv.com", "log1.tiktokv.com", "www.tiktok.com", "front.example", "other.example", "free.tiktok.com"]
)
ADDRESSES = st.sampled_from(["198.51.100.7", "192.0.2.9"])
AGENTS = st.sampled_from(
    [
        "",
        "Mozilla/5.0 (X11; Linux x86_64) Firefox/110.0",
        "com.zhiliaoapp.musically/2022509040 (Linux; U; Android 13; en_US; Cronet/TTNetVersion:ae513f3c)",
        "TikTok 26.2.0 rv:262018 (iPhone; iOS 14.4.2; en_US) Cronet",
        "Mozilla/5.0 (Linux; Android 13) trill_350402 JsSdk/1.0 AppName/trill BytedanceWebview/d8a21c6",
    ]
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("sni"), HOSTS, st.sampled_from(["", "pinned"])),
        st.tuples(st.just("http"), HOSTS | ADDRESSES, AGENTS),
    ),
    min_size=1,
    max_size=6,
)


def _lists() -> tuple[CompiledList, ...]:
    def rule(match: Match, text: str, role: Role, grade: Grade, *, passthru: bool = False) -> Rule:
        return Rule("tiktok", "tiktok", match, text, role, grade, passthru=passthru)

    rules = (
        rule(Match.PATTERN, "api*.tiktokv.com", Role.APP_API, Grade.STRONG),
        rule(Match.PATTERN, "log*.tiktokv.com", Role.APP_TELEMETRY, Grade.STRONG),
        rule(Match.SUFFIX, "tiktok.com", Role.WEB, Grade.WEAK),
        rule(Match.EXACT, "free.tiktok.com", Role.WEB, Grade.NONE, passthru=True),
        rule(Match.SUFFIX, "front.example", Role.INFRA, Grade.NONE),
        rule(Match.NETWORK, "198.51.100.0/24", Role.INFRA, Grade.WEAK),
    )
    return (CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, len(rules), rules),)


class House:
    """One configuration, the addon that obeys it live, and the replay of its log."""

    def __init__(self, state: Path, metrics: int) -> None:
        self.lists = _lists()
        phases = {"enforce": PHASES["enforce"]}
        self.configuration = configuration(state, phases, proxy={"metrics": f"127.0.0.1:{metrics}"})
        publish_snapshot(Snapshot(1, 0.0, self.configuration, self.lists), state)
        table = compile_table([DEVICE], [], {}, 0.0)
        publish_clients(table, state)
        self.addon = Enforce()
        with taddons.context(Proxyserver(), self.addon) as context:
            context.configure(self.addon, dnsfilter_state=str(state))
        self.attributor = Attributor(Directory(self.configuration.groups, table), (), PSEUDONYMS)

    def live(self, events: list[tuple[str, str, str]]) -> list[Sighting]:
        """Return what the addon records where each event is a connection of its own."""
        for channel, name, detail in events:
            if channel == "sni":
                self._connect(name, is_pinned=detail == "pinned")
            else:
                fields = Headers(host=name, **({"User-Agent": detail} if detail else {}))
                request = tutils.treq(host=name, headers=fields)
                self.addon.requestheaders(tflow.tflow(client_conn=proxy_client(TRUSTING), req=request))
        return list(self.addon._journal.drain().sightings)

    def replayed(self, events: list[tuple[str, str, str]], now: float) -> tuple[list[Sighting], DeviceSummary]:
        """Return what a replay makes of the log of the same events."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        moment = datetime.fromtimestamp(now, UTC).isoformat()
        writer.writerows([moment, TRUSTING, name, "", channel, detail] for channel, name, detail in events)
        replay = Replay(self.configuration, self.lists, ClientSources((DEVICE,)), PSEUDONYMS)
        recording = gather(parse_table(text.getvalue(), "log.csv"), self.lists)
        ((_, summary),) = replay.run(recording)
        return [entry.sighting for entry in replay._attribute(recording.listed)], summary

    def stand(self, sightings: list[Sighting]) -> DeviceSummary | None:
        """Return what the manager makes of sightings."""
        store = open_store(IN_MEMORY)
        with store.begin() as connection:
            record(connection, [self.attributor.attribute(each) for each in sightings])
            return find_device(connection, PSEUDONYMS.of_device(DEVICE.id))

    def _connect(self, name: str, *, is_pinned: bool) -> None:
        hello = parse_client_hello(client_hello(name))
        assert hello is not None
        data = ClientHelloData(proxy_context(("192.0.2.1", 443), "tcp", TRUSTING), hello)
        self.addon.tls_clienthello(data)
        if is_pinned:
            data.context.client.error = "tlsv1 alert unknown ca"
            self.addon.tls_failed_client(TlsData(data.context.client, data.context))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[House]:
    """Return the house that every example plays in."""
    found = House(tmp_path_factory.mktemp("house"), free_port())
    yield found
    found.addon.done()


def _signals(sightings: list[Sighting]) -> list[tuple[str, ...]]:
    return sorted(tuple(str(getattr(each, field)) for field in FIELDS) for each in sightings)


@settings(max_examples=80, deadline=None)
@given(EVENTS)
def test_a_log_proves_what_was_proven_live(house: House, events: list[tuple[str, str, str]]) -> None:
    """Families, grades, channels and actions are the same one by one, and so are standing and explanation."""
    now = time.time()
    live = house.live(events)
    replayed, summary = house.replayed(events, now)
    assert _signals(live) == _signals(replayed)
    stands = house.stand([Sighting(now, *tuple(getattr(each, f) for f in ("client", *FIELDS))) for each in live])
    if stands is None:
        assert summary.sightings == 0
    else:
        assert (stands.standing, stands.grades, stands.explanation) == (
            summary.standing,
            summary.grades,
            summary.explanation,
        )
