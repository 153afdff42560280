"""The addon's hooks for what is no name: signs in requests, pinned certificates, hidden names, first octets, users."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.modes import Socks5AuthData
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow, tutils
from mitmproxy.tls import ClientHelloData, TlsData

from dnsfilter.clients.table import compile_table, device_key
from dnsfilter.feeds.clients import publish_clients
from dnsfilter.feeds.snapshot import Snapshot, publish_snapshot
from dnsfilter.model import CompiledList, Device, Grade, Match, Role, Rule, Sighting
from proxy_addons.beginnings import Ended
from proxy_addons.enforce import Enforce
from tests.fakes.hello import client_hello
from tests.fakes.mitmproxy import addon_context, proxy_client, proxy_context
from tests.fakes.published import PHASES, PLAIN, TRUSTING, UNLISTED, configuration

STRONG, WEAK, FRONT, RESOLVER = "api.tiktokv.com", "www.tiktok.com", "front.example", "dns.google"
APP = "com.zhiliaoapp.musically/2022509040 (Linux; U; Android 13; en_US)"
HIDING = bytes.fromhex("fe0d0009000001000100200000")

Start = Callable[..., Enforce]


def _lists() -> tuple[CompiledList, ...]:
    def rule(text: str, role: Role, grade: Grade) -> Rule:
        return Rule("tiktok", "tiktok", Match.SUFFIX, text, role, grade)

    rules = (
        rule(STRONG, Role.APP_API, Grade.STRONG),
        rule(WEAK, Role.WEB, Grade.WEAK),
        rule(FRONT, Role.INFRA, Grade.NONE),
    )
    resolver = Rule("bypass", "encrypted-dns", Match.EXACT, RESOLVER, Role.DOH, Grade.NONE)
    return (
        CompiledList("tiktok", "tiktok", Role.INFRA, Grade.NONE, 3, rules),
        CompiledList("bypass", "encrypted-dns", Role.DOH, Grade.NONE, 1, (resolver,)),
    )


@pytest.fixture
def start(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Start]:
    """Return a function that starts the addon on a world with names of every role and grade."""
    started: list[Enforce] = []

    def start_in(phase: str | None = "enforce") -> Enforce:
        world = configuration(tmp_path, PHASES, proxy={"metrics": f"127.0.0.1:{free_port()}"})
        policy = world.policies[0].model_dump()
        policy |= {
            "blocklists": ["tiktok", "bypass"],
            "phases": {phase or "enforce": "2023-01-01" if phase else "2999-01-01"},
        }
        raw = world.model_dump(mode="json", exclude_unset=True) | {"policies": [policy]}
        changed = type(world).model_validate(raw)
        publish_snapshot(Snapshot(1, 0.0, changed, _lists()), tmp_path)
        publish_clients(compile_table([Device("L-1", "", "", "", "managed")], [], {}, 0.0), tmp_path)
        addon = Enforce()
        context = contexts.enter_context(addon_context(Proxyserver(), addon))
        context.configure(addon, dnsfilter_state=str(tmp_path))
        started.append(addon)
        return addon

    with ExitStack() as contexts:
        yield start_in
        for addon in started:
            addon.done()


def flow_to(host: str, client: str = PLAIN, **fields: str) -> HTTPFlow:
    headers = Headers(host=host, **fields)
    return tflow.tflow(client_conn=proxy_client(client), req=tutils.treq(host=host, headers=headers))


def seen(addon: Enforce) -> list[Sighting]:
    return list(addon._journal.drain().sightings)


def told(addon: Enforce) -> list[tuple[str, str, str, str]]:
    return [(one.rule, one.grade, one.channel, one.action) for one in seen(addon)]


def hello(name: str, extension: bytes = b"", client: str = PLAIN, to: str = "192.0.2.1") -> ClientHelloData:
    message = client_hello(name)[5:]
    body = message[4:]
    position = 34 + 1 + body[34]
    position += 2 + int.from_bytes(body[position : position + 2])
    position += 1 + body[position]
    extensions = body[position + 2 :] + extension
    body = body[:position] + len(extensions).to_bytes(2) + extensions
    message = b"\1" + len(body).to_bytes(3) + body
    parsed = parse_client_hello(b"\x16\3\1" + len(message).to_bytes(2) + message)
    assert parsed is not None
    return ClientHelloData(proxy_context((to, 443), "tcp", client), parsed)


@pytest.mark.parametrize("phase", ["observe", "warn", "enforce"])
def test_a_request_by_the_app_is_evidence_wherever_it_goes(start: Start, phase: str) -> None:
    """The app's own User-Agent to a host that no list has passes and is recorded once, as what it is."""
    addon = start(phase)
    first = flow_to(UNLISTED, user_agent=APP)
    addon.requestheaders(first)
    again = flow_to("other.example", user_agent=APP)
    again.client_conn = first.client_conn
    addon.requestheaders(again)
    assert first.response is again.response is None
    assert told(addon) == [("request by the app (api*)", "strong", "http", "observe")]


def test_a_request_by_the_app_to_a_listed_name_is_two_sightings(start: Start) -> None:
    """The name and the sign each say what they say, and both were refused."""
    addon = start()
    addon.requestheaders(flow_to(WEAK, user_agent=APP))
    assert told(addon) == [
        (WEAK, "weak", "http", "refuse"),
        ("request by the app (api*)", "strong", "http", "refuse"),
    ]


def test_no_sign_before_the_first_phase(start: Start) -> None:
    """While no policy is in any phase nobody is recorded for anything."""
    addon = start(None)
    addon.requestheaders(flow_to(UNLISTED, user_agent=APP))
    assert told(addon) == []


def test_dns_inside_http_is_refused_at_any_host(start: Start) -> None:
    """RFC 8484 in the clear or decrypted is refused where a policy has a list of resolvers, listed host or not."""
    addon = start()
    flow = flow_to("198.51.100.53", accept="application/dns-message")
    addon.requestheaders(flow)
    assert flow.response
    assert flow.response.status_code == 451
    (one,) = seen(addon)
    assert (one.rule, one.role, one.grade, one.app) == ("DNS over HTTPS", "doh", "none", "encrypted-dns")


@pytest.mark.parametrize(
    ("client", "name", "error", "expected"),
    [
        (TRUSTING, STRONG, "tlsv1 alert unknown ca", [(STRONG, "strong"), (f"pinned {STRONG}", "strong")]),
        (TRUSTING, WEAK, "sslv3 alert bad certificate", [(WEAK, "weak"), (f"pinned {WEAK}", "weak")]),
        (TRUSTING, FRONT, "tlsv1 alert unknown ca", [(FRONT, "none")]),
        (TRUSTING, STRONG, "connection closed", [(STRONG, "strong")]),
        (TRUSTING, UNLISTED, "tlsv1 alert unknown ca", []),
        (PLAIN, STRONG, "tlsv1 alert unknown ca", [(STRONG, "strong")]),
    ],
)
def test_a_pinned_certificate(
    start: Start, client: str, name: str, error: str, expected: list[tuple[str, str]]
) -> None:
    """Refusing our certificate on a name of the app proves as much as the name, on devices that trust the CA only."""
    addon = start()
    data = hello(name, client=client)
    addon.tls_clienthello(data)
    data.context.client.error = error
    addon.tls_failed_client(TlsData(data.context.client, data.context))
    assert [(one.rule, one.grade) for one in seen(addon)] == expected


@pytest.mark.parametrize(
    ("name", "extension", "lines"),
    [(FRONT, HIDING, 1), (FRONT, b"", 0), (WEAK, HIDING, 0), (UNLISTED, HIDING, 0)],
)
def test_a_name_behind_a_listed_front(start: Start, name: str, extension: bytes, lines: int) -> None:
    """ECH to a front goes around us; browsers send the extension to everybody, which says nothing."""
    addon = start()
    data = hello(name, extension)
    addon.tls_clienthello(data)
    addon.tls_clienthello(data)  # as where mitmproxy is to decrypt QUIC
    assert addon._journal.counters["bypass", "ech", "plain"] == lines
    assert [one.rule for one in seen(addon) if one.rule.startswith("bypass")] == [f"bypass, ECH: {FRONT}"] * lines
    assert data.ignore_connection


@pytest.mark.parametrize(
    ("mode", "destination", "expected"),
    [
        ("transparent", "192.0.2.1", True),
        ("wireguard", "192.0.2.1", True),
        ("transparent", "127.0.0.1", False),
        ("regular", "192.0.2.1", False),
        ("reverse:https://192.0.2.1", "192.0.2.1", False),
    ],
)
def test_knows_who_resolved_a_name(start: Start, mode: str, destination: str, *, expected: bool) -> None:
    """Only in transparent modes, and not on the way to the sinkhole, has a client an address from somebody else."""
    addon = start()
    data = hello(WEAK)
    data.context.client.proxy_mode = ProxyMode.parse(mode)
    data.context.client.sockname = (destination, 443)
    addon.tls_clienthello(data)
    assert [one.is_resolved for one in seen(addon)] == [expected]


def _choice(data: bytes) -> NextLayer:
    context = proxy_context(("192.0.2.1", 443))
    choice = NextLayer(context)
    choice.events.append(DataReceived(context.client, data))
    return choice


def test_nobody_decides_on_too_little(start: Start) -> None:
    """With the first octets alone mitmproxy is not asked; a whole beginning is its to judge; too long a hello ends."""
    addon = start()
    with pytest.raises(exceptions.AddonHalt):
        addon.next_layer(_choice(b"\x16"))
    whole, endless = _choice(client_hello(WEAK)), _choice(b"\x16\3\1\x40\0\1\xff\xff\xff")
    addon.next_layer(whole)
    addon.next_layer(endless)
    assert whole.layer is None
    assert isinstance(endless.layer, Ended)
    assert addon._journal.counters["proxy_connections", "refuse"] == 1


def test_a_user_is_a_device(start: Start) -> None:
    """Behind a password, over HTTP or SOCKS, stands the device of that id: its group decides, and it is recorded."""
    addon = start()
    flow = flow_to(WEAK)
    flow.metadata["proxyauth"] = ("L-1", "password")
    addon.requestheaders(flow)
    client = proxy_client()
    addon.socks5_auth(Socks5AuthData(client, "L-1", "password", valid=True))
    refused = proxy_client()
    addon.socks5_auth(Socks5AuthData(refused, "L-1", "wrong"))
    assert [(one.client, one.group) for one in seen(addon)] == [(device_key("L-1"), "managed")]
    assert addon._connections[client.id].client.device == "L-1"
    assert refused.id not in addon._connections


def test_reports_who_is_active(start: Start) -> None:
    """The manager hears which addresses were at the proxy, to compare them with who asks."""
    addon = start()
    addon.client_connected(proxy_client(PLAIN))
    addon.client_connected(proxy_client(TRUSTING))
    assert set(addon._journal.drain().clients) == {PLAIN, TRUSTING}
    assert addon._journal.drain().clients == ()
