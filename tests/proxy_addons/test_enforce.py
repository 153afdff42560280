"""The addon, hook by hook, on mitmproxy's own objects."""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.proxy.layers.tls import parse_client_hello
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import tflow, tutils
from mitmproxy.tls import ClientHelloData

from dnsfilter.model import Channel
from proxy_addons.border import REFUSED
from proxy_addons.enforce import Enforce
from tests.fakes.hello import client_hello
from tests.fakes.mitmproxy import addon_context, proxy_client, proxy_context
from tests.fakes.published import LISTED, LISTED_ADDRESS, PLAIN, TRUSTING, UNLISTED, publish_world

Start = Callable[..., Enforce]


@pytest.fixture
def start(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Start]:
    """Return a function that starts the addon on a world whose policy is in a phase."""
    started: list[Enforce] = []

    def start_in(phase: str | None = "enforce", **options: object) -> Enforce:
        publish_world(tmp_path, phase, proxy={"metrics": f"127.0.0.1:{free_port()}"})
        addon = Enforce()
        context = contexts.enter_context(addon_context(Proxyserver(), Dumper(), addon))
        context.configure(addon, dnsfilter_state=str(tmp_path), **options)
        started.append(addon)
        return addon

    with ExitStack() as contexts:
        yield start_in
        for addon in started:
            addon.done()


def hello(*names: str, to: str | None = "192.0.2.1", client: str = PLAIN, transport: str = "tcp") -> ClientHelloData:
    parsed = parse_client_hello(client_hello(*names))
    assert parsed is not None
    return ClientHelloData(proxy_context(to and (to, 443), transport, client), parsed)


def connecting(data: ClientHelloData) -> ServerConnectionHookData:
    return ServerConnectionHookData(data.context.server, data.context.client)


def flow_to(host: str, client: str = PLAIN, **fields: object) -> HTTPFlow:
    request = {"host": host, "headers": Headers(host=host), **fields}
    return tflow.tflow(client_conn=proxy_client(client), req=tutils.treq(**request))


def sightings(addon: Enforce) -> list[tuple[str, str, str]]:
    return [(seen.rule, seen.channel, seen.action) for seen in addon._journal.drain().sightings]


@pytest.mark.parametrize(
    ("phase", "client", "is_decrypted", "is_refused", "recorded"),
    [
        (None, PLAIN, False, False, []),
        ("observe", PLAIN, False, False, ["observe"]),
        ("observe", TRUSTING, False, False, ["observe"]),
        ("warn", PLAIN, False, False, ["warn"]),
        ("warn", TRUSTING, True, False, ["warn"]),
        ("enforce", PLAIN, False, True, ["refuse"]),
        ("enforce", TRUSTING, True, False, ["refuse"]),
    ],
)
def test_client_hello_by_phase(
    start: Start, phase: str | None, client: str, *, is_decrypted: bool, is_refused: bool, recorded: list[str]
) -> None:
    """The table of the contract for a name in the ClientHello: what is decrypted, refused and recorded."""
    addon = start(phase)
    data = hello(LISTED, client=client)
    addon.tls_clienthello(data)
    assert data.ignore_connection is not is_decrypted
    connection = connecting(data)
    addon.server_connect(connection)
    assert bool(connection.server.error) is is_refused
    assert sightings(addon) == [("tiktok.com", "sni", action) for action in recorded]


@pytest.mark.parametrize("phase", [None, "observe", "warn", "enforce"])
@pytest.mark.parametrize("client", [PLAIN, TRUSTING])
def test_unlisted_is_left_alone(start: Start, phase: str | None, client: str) -> None:
    """In every phase an unlisted name passes undecrypted, unrefused and unrecorded."""
    addon = start(phase)
    data, flow = hello(UNLISTED, client=client), flow_to(UNLISTED, client)
    before = flow.request.copy()
    addon.tls_clienthello(data)
    addon.requestheaders(flow)
    connection = connecting(data)
    addon.server_connect(connection)
    assert data.ignore_connection
    assert flow.response is None
    assert flow.request.get_state() == before.get_state()
    assert connection.server.error is None
    assert sightings(addon) == []


@pytest.mark.parametrize(
    ("names", "to", "channel"),
    [
        ((LISTED,), "192.0.2.1", Channel.SNI),
        ((LISTED.upper() + ".",), "192.0.2.1", Channel.SNI),
        ((UNLISTED,), LISTED, Channel.HTTP),
        ((UNLISTED, LISTED), "192.0.2.1", Channel.SNI),
        ((), LISTED_ADDRESS, Channel.IP),
        ((UNLISTED,), LISTED_ADDRESS, Channel.IP),
    ],
)
def test_every_name_of_a_hello_counts(start: Start, names: tuple[str, ...], to: str, channel: Channel) -> None:
    """SNI in any form, a second SNI, the CONNECT authority and the address each refuse the connection by themselves."""
    addon = start()
    data = hello(*names, to=to)
    addon.tls_clienthello(data)
    connection = connecting(data)
    addon.server_connect(connection)
    assert connection.server.error == REFUSED
    assert [seen for _, seen, _ in sightings(addon)] == [channel]


def test_hello_through_another_proxy_is_refused(start: Start) -> None:
    """Where the connection that is opened goes to an upstream proxy, the refusal of its client still holds."""
    addon = start()
    data = hello(LISTED)
    addon.tls_clienthello(data)
    connection = connecting(data)
    connection.server.address = ("192.0.2.200", 3128)
    addon.server_connect(connection)
    assert connection.server.error == REFUSED


def test_quic_is_refused(start: Start) -> None:
    """A ClientHello over UDP is refused like one over TCP, and seen on its own channel."""
    addon = start()
    data = hello(LISTED, transport="udp")
    addon.tls_clienthello(data)
    connection = connecting(data)
    addon.server_connect(connection)
    assert connection.server.error == REFUSED
    assert sightings(addon) == [("tiktok.com", "quic", "refuse")]


def test_tls_to_the_proxy_itself_goes_on(start: Start) -> None:
    """A client that speaks TLS to the proxy has not said yet where to, so nothing is decided."""
    data = hello(LISTED, to=None)
    start().tls_clienthello(data)
    assert not data.ignore_connection


def test_connect_is_refused_with_a_notice(start: Start) -> None:
    """A CONNECT to a listed name gets 403 and the notice; one to an unlisted name gets nothing from us."""
    addon = start()
    refused, passed = (flow_to(host, method=b"CONNECT", authority=host.encode()) for host in (LISTED, UNLISTED))
    addon.http_connect(refused)
    addon.http_connect(passed)
    assert refused.response
    assert refused.response.status_code == 403
    assert LISTED in (refused.response.text or "")
    assert passed.response is None
    assert sightings(addon) == [("tiktok.com", "http", "refuse")]


def test_connect_goes_on_where_a_page_can_be_shown(start: Start) -> None:
    """A device that trusts the CA gets its tunnel and inside it the page, never the server."""
    addon = start()
    tunnel = flow_to(LISTED, TRUSTING, method=b"CONNECT")
    addon.http_connect(tunnel)
    assert tunnel.response is None
    connection = ServerConnectionHookData(tunnel.server_conn, tunnel.client_conn)
    tunnel.server_conn.address = (LISTED, 443)
    addon.server_connect(connection)
    assert connection.server.error == REFUSED


def test_a_refused_request_does_not_refuse_the_next(start: Start) -> None:
    """After the page, the same client connection may ask for something else."""
    addon = start()
    refused, passed = flow_to(LISTED), flow_to(UNLISTED)
    passed.client_conn = refused.client_conn
    addon.requestheaders(refused)
    addon.requestheaders(passed)
    assert refused.response
    assert refused.response.status_code == 451
    assert passed.response is None
    passed.server_conn.address = (UNLISTED, 80)
    connection = ServerConnectionHookData(passed.server_conn, passed.client_conn)
    addon.server_connect(connection)
    assert connection.server.error is None


@pytest.mark.parametrize(
    "fields",
    [
        {"host": LISTED},
        {"host": "192.0.2.1", "headers": Headers(host=LISTED + ":80")},
        {"host": LISTED, "headers": Headers(host=UNLISTED)},
        {"host": LISTED_ADDRESS},
        {"host": UNLISTED, "authority": LISTED.encode(), "http_version": b"HTTP/2.0"},
    ],
)
def test_any_listed_host_of_a_request_gets_the_page(start: Start, fields: dict[str, object]) -> None:
    """Destination, Host field, authority and address are each enough."""
    flow = flow_to(**{"host": UNLISTED, **fields})  # type: ignore[arg-type]
    flow.request.stream = True
    start().requestheaders(flow)
    assert flow.response
    assert flow.response.status_code == 451
    assert not flow.request.stream


def test_request_under_a_listed_sni_gets_the_page(start: Start) -> None:
    """A decrypted request with an unlisted Host does not slip through under a listed SNI."""
    flow = flow_to(UNLISTED, TRUSTING)
    flow.client_conn.sni = LISTED
    start().requestheaders(flow)
    assert flow.response


def test_observe_passes_and_records(start: Start) -> None:
    """In the observe phase a request is only recorded."""
    addon = start("observe")
    flow = flow_to(LISTED)
    addon.requestheaders(flow)
    assert flow.response is None
    assert sightings(addon) == [("tiktok.com", "http", "observe")]


def test_one_click_continues(start: Start) -> None:
    """In the warn phase a page with one button comes first; after the click everything of the app passes."""
    addon = start("warn")
    first = flow_to(LISTED, path=b"/video?id=1")
    addon.requestheaders(first)
    assert first.response
    assert first.response.status_code == 403
    page = first.response.text or ""
    action = page.partition('action="')[2].partition('"')[0].replace("&amp;", "&")
    click = flow_to(LISTED, method=b"POST", path=action.encode())
    addon.requestheaders(click)
    assert click.response
    assert (click.response.status_code, click.response.headers["location"]) == (303, "/video?id=1")
    again, sub_resource, stranger = flow_to(LISTED), flow_to("cdn.tiktok.com"), flow_to(LISTED, TRUSTING)
    for flow in (again, sub_resource, stranger):
        addon.requestheaders(flow)
    assert again.response is sub_resource.response is None
    assert stranger.response
    tls = hello(LISTED, client=PLAIN)
    addon.tls_clienthello(tls)
    assert tls.ignore_connection


def test_answered_flows_are_left_alone(start: Start) -> None:
    """What another addon has answered, what failed and what is not live is not ours."""
    addon = start()
    answered, failed, recorded = (flow_to(LISTED) for _ in range(3))
    answered.response = response = tutils.tresp()
    failed.error = tflow.terr()
    recorded.live = False
    for flow in (answered, failed, recorded):
        addon.requestheaders(flow)
        addon.http_connect(flow)
    assert answered.response is response
    assert failed.response is recorded.response is None


@pytest.mark.parametrize("address", [LISTED, LISTED_ADDRESS])
def test_the_last_gate(start: Start, address: str) -> None:
    """A connection that named nothing before is refused by where it is to go."""
    addon = start()
    connection = connecting(hello(UNLISTED, to=address))
    addon.server_connect(connection)
    assert connection.server.error == REFUSED


def test_open_connections_are_forgotten(start: Start) -> None:
    """A client is known while it is connected, and no longer."""
    addon = start()
    client = proxy_client()
    addon.client_connected(client)
    assert len(addon._connections) == 1
    addon.client_disconnected(client)
    assert len(addon._connections) == 0


def test_a_failing_hook_closes_the_connection(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong inside, nothing gets through, one line without a name is logged, and the rest is counted."""
    addon = start()

    def fail(*_: object) -> None:
        raise RuntimeError("www.secret.example")

    monkeypatch.setattr(addon._policy(), "decide", fail)
    data, flow, tunnel = hello(UNLISTED), flow_to(UNLISTED), flow_to(UNLISTED, method=b"CONNECT")
    connection = connecting(data)
    with caplog.at_level(logging.ERROR):
        addon.tls_clienthello(data)
        addon.tls_clienthello(data)
        addon.requestheaders(flow)
        addon.http_connect(tunnel)
        addon.server_connect(connection)
    assert data.ignore_connection
    assert connection.server.error == REFUSED
    assert not flow.killable
    assert not tunnel.killable
    assert addon._journal.counters["proxy_errors",] == 5
    assert len(caplog.records) == 4
    assert "secret" not in caplog.text


def test_a_failed_hello_stays_refused(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """When only the ClientHello could not be judged, the connection is refused at the last gate."""
    addon = start()
    data = hello(UNLISTED)
    with monkeypatch.context() as broken:
        broken.setattr("proxy_addons.enforce.hello_targets", None)
        addon.client_connected(data.context.client)
        addon.tls_clienthello(data)
    connection = connecting(data)
    addon.server_connect(connection)
    assert connection.server.error == REFUSED


def test_without_a_policy_nothing_passes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An addon that could not start says why and refuses every client."""
    addon = Enforce()
    with addon_context(Proxyserver(), addon) as context:
        context.configure(addon, dnsfilter_state=str(tmp_path))
    assert f"dnsfilter: {tmp_path}/snapshot: cannot be read" in caplog.text
    client = proxy_client()
    addon.client_connected(client)
    assert client.error == REFUSED


def test_eager_is_refused_at_start(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A user who chose eager is told so; mitmproxy ends when an error is logged at start."""
    start(connection_strategy="eager")
    assert "connection_strategy=eager" in caplog.text


def test_eager_is_refused_later(start: Start) -> None:
    """Nobody turns eager on while the addon runs."""
    addon = start()
    with (
        addon_context(Proxyserver(), addon) as context,
        pytest.raises(exceptions.OptionsError, match="connection_strategy"),
    ):
        context.configure(addon, connection_strategy="eager")


def test_garbage_goes_in_larger_portions() -> None:
    """Also under mitmdump: cycles that end with each connection are looked for when there are many."""
    before = gc.get_threshold()
    try:
        Enforce().running()
        assert gc.get_threshold() > before
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
