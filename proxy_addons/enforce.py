"""The mitmproxy addon: refuses listed names before a connection to them exists, and leaves all else alone, undecrypted.

    CONNECT -> http_connect     ClientHello -> tls_clienthello     HTTP request -> requestheaders
    and whatever named nothing, or is refused already, ends at server_connect: no connection to a server is made but
    through it, because `connection_strategy` is lazy.

One method per hook; no hook waits for anything. A hook that fails closes its connection.
"""

import asyncio
import gc
import logging
import time
import uuid
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from mitmproxy import connection, ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.modes import HttpProxy, HttpUpstreamProxy, ReverseProxy, Socks5AuthData
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData, TlsData

from dnsfilter.channel import Sender
from dnsfilter.clients.addresses import canonical_address
from dnsfilter.defects import Defects
from dnsfilter.errors import DnsfilterError
from dnsfilter.evidence.signs import pin
from dnsfilter.journal import Journal
from dnsfilter.model import Channel, ProxyAction, Role
from dnsfilter.policy.decisions import strictness
from proxy_addons import bounds
from proxy_addons.acknowledgements import Acknowledgements, is_click
from proxy_addons.beginnings import MAX_SEGMENTS, Ended, is_request, is_too_short, is_unreadable, join_segments
from proxy_addons.border import REFUSED, AnyEvent, guarded, refuse
from proxy_addons.connections import ClientConnection, Recorder
from proxy_addons.discretion import Discretion
from proxy_addons.endpoint import MetricsEndpoint
from proxy_addons.identity import Authority, identify, is_served
from proxy_addons.names import Target, destination_targets, has_body, hello_targets, hides_name, request_targets
from proxy_addons.options import LAZY, ask_for_identity, chose_eager, take_over
from proxy_addons.page import FORBIDDEN_STATUS, REFUSED_STATUS, Notice, redirect, respond
from proxy_addons.patience import close_left_open, end_silent, prolong
from proxy_addons.policy import PolicyInForce, Verdict
from proxy_addons.quic import QuicEntrance, is_flow
from proxy_addons.signals import is_distrust, speaks_dns
from proxy_addons.source import PolicySource, compile_source

REFRESH_SECONDS = 0.25
GC_THRESHOLDS = (20_000, 20, 50)
"""A connection is many objects, in cycles that end with it: collected in larger portions, they cost less."""

EAGER = "connection_strategy=eager connects before the name is known: leave it out, or set lazy"

logger = logging.getLogger(__name__)
EXPLICIT = (HttpProxy, HttpUpstreamProxy, ReverseProxy)
"""Layers below which mitmproxy knows by itself what is spoken."""

TRANSPARENT = frozenset({"transparent", "wireguard", "local", "tun"})
"""mitmproxy's modes in which clients connect to the addresses of servers and know nothing of a proxy."""

FRONT = Role.INFRA
"""The role of names that stand for others: what hides a real name behind one of them goes around us."""

USER = "proxyauth"
"""Where mitmproxy's addon for authentication leaves name and password."""


class Enforce:
    """The policy at the proxy."""

    def __init__(self, name: str = "proxy-0", source: PolicySource | None = None) -> None:
        self._is_configured = False
        self._source = source
        self._connections: dict[str, ClientConnection] = {}
        self._journal = Journal(name, uuid.uuid4().hex)
        self._recorder = Recorder(self._journal)
        self._endpoint = MetricsEndpoint(self._journal, lambda: self._policy().children, lambda: len(self._connections))
        self._discretion = Discretion(lambda: self._journal.count("proxy_errors"))
        self._tasks: list[asyncio.Task[None]] = []
        self._defects = Defects(logger)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        loader.add_option("dnsfilter_config", str, "", "Configuration of dnsfilter; empty: where dnsfilter looks.")
        loader.add_option("dnsfilter_state", str, "", "Take the policy from this state directory; compile nothing.")

    def configure(self, updated: set[str]) -> None:
        """Read the options once; afterwards only see to it that connections stay lazy."""
        if self._is_configured:
            if "connection_strategy" in updated and ctx.options.connection_strategy != LAZY:
                raise exceptions.OptionsError(EAGER)  # type: ignore[no-untyped-call]
            return
        self._is_configured = True
        try:
            self._start()
        except (DnsfilterError, OSError) as error:
            logger.error("dnsfilter: %s", error)  # noqa: TRY400 - a user is told what, not where in the code

    def _start(self) -> None:
        if chose_eager():
            raise DnsfilterError(EAGER)
        take_over()
        bounds.install()
        self._discretion.begin()
        if self._source is None:
            state, file = (_path(ctx.options.dnsfilter_state), _path(ctx.options.dnsfilter_config))
            self._source = PolicySource(state) if state else compile_source(file)
            self._endpoint.start(self._policy().configuration.proxy.metrics)
        self._acknowledgements = Acknowledgements(self._source.state)
        settings = self._policy().configuration.proxy
        self._authority = Authority(Path(settings.client_ca)) if settings.client_ca else None
        ask_for_identity(settings)

    def running(self) -> None:
        """Begin to send the journal and to watch for new generations."""
        gc.freeze()  # what lives as long as the process need not be looked at for cycles
        gc.set_threshold(*GC_THRESHOLDS)
        if self._source:
            sender = Sender(self._source.state, self._journal)
            self._tasks = [asyncio.create_task(work) for work in (sender.run(), self._keep_up(self._source))]

    def done(self) -> None:
        """Give back what was taken."""
        for task in self._tasks:
            task.cancel()
        self._endpoint.stop()
        self._discretion.end()

    @guarded
    def client_connected(self, client: connection.Client) -> None:
        """Learn who a client is, and serve none of those whom the resolver would not."""
        known = self._connection(client)
        if not is_served(client, self._policy().configuration.allow_clients):
            self._recorder.count_connection(known, ProxyAction.REFUSE)
            refuse(client)

    @guarded
    def client_disconnected(self, client: connection.Client) -> None:
        """Forget a client."""
        self._connections.pop(client.id, None)
        close_left_open(client)

    @guarded
    def socks5_auth(self, data: Socks5AuthData) -> None:
        """Learn who a client says it is, once its password has been found good."""
        if data.valid:
            identify(self._connection(data.client_conn), data.username, self._policy(), time.time())

    @guarded
    def tls_established_client(self, data: TlsData) -> None:
        """Learn who a client is from a certificate."""
        name = self._authority.name_of(list(data.conn.certificate_list)) if self._authority else ""
        if name:
            identify(self._connection(data.context.client), name, self._policy(), time.time())

    @guarded
    def next_layer(self, choice: NextLayer) -> None:
        """Let mitmproxy take a connection for nothing before enough of it is there."""
        data = _first_octets(choice)
        if not choice.layer and is_flow(choice):
            choice.layer = QuicEntrance(choice.context, self._connection(choice.context.client), self._recorder)
        if choice.layer or not data:
            return
        if is_too_short(data) and len(choice.events) <= MAX_SEGMENTS:
            raise exceptions.AddonHalt  # nobody decides yet; asked again with the next octets
        join_segments(choice, data)
        if is_unreadable(data) or len(choice.events) > MAX_SEGMENTS:
            self._recorder.count_connection(self._connection(choice.context.client), ProxyAction.REFUSE)
            choice.layer = Ended(choice.context)
        elif is_request(data) and not isinstance(choice.context.layers[-1], EXPLICIT):
            choice.layer = HttpLayer(choice.context, HTTPMode.transparent)

    @guarded
    def http_connect(self, flow: HTTPFlow) -> None:
        """Refuse a tunnel to a refused name, unless a page can be shown inside it."""
        if flow.response or flow.error or not flow.live:
            return
        client = self._connection(flow.client_conn, flow)
        verdict = self._policy().decide(client.client, request_targets(flow), time.time())
        if verdict.action is not ProxyAction.REFUSE or self._policy().trusts_ca(client.client):
            return
        self._record(client, verdict)
        flow.response = respond(self._notice(verdict), flow.request, FORBIDDEN_STATUS)

    @guarded
    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Pass TLS undecrypted, whatever is behind it, or refuse it; decrypt only in order to show a page."""
        if data.context.server.address is None:
            return  # TLS to the proxy itself: where it is to go is still to come
        client = self._connection(data.context.client)
        verdict = self._policy().decide(client.client, hello_targets(data), time.time())
        self._take_hello(data, client, verdict)
        if data.ignore_connection and not client.is_refused:
            prolong(data.context.client)

    def turn_away(self, data: ClientHelloData) -> bool:
        """Refuse and record a ClientHello whose connection mitmproxy has not taken yet, if it is one without a page."""
        known = self._connection(data.context.client)
        try:
            verdict = self._policy().decide(known.client, hello_targets(data), time.time())
            if verdict.action is not ProxyAction.REFUSE or self._shows_page(known, verdict):
                return False
            self._take_hello(data, known, verdict)
            return True
        finally:
            self.client_disconnected(data.context.client)

    @guarded
    def requestheaders(self, flow: HTTPFlow) -> None:
        """Answer a request for a refused name, or one that needs a warning first, with a page."""
        if flow.response or flow.error or not flow.live:
            return
        client = self._connection(flow.client_conn, flow)
        verdict = self._judge(client, flow)
        self._record(client, verdict)
        client.is_freed = verdict.decision.is_free
        self._record_signs(client, verdict, flow)
        if not verdict.decision.is_probe:
            self._recorder.count_request(verdict.action)
        match verdict.action:
            case ProxyAction.REFUSE:
                flow.response = respond(self._notice(verdict), flow.request, REFUSED_STATUS)
            case ProxyAction.WARN:
                self._warn(flow, client, verdict)
        flow.request.stream = not flow.response and has_body(flow.request)
        if flow.response:
            flow.request.headers.pop("expect", None)  # nobody waits for the body

    @guarded
    def responseheaders(self, flow: HTTPFlow) -> None:
        """Let a response pass as it comes instead of collecting it first; an upgrade is mitmproxy's to make."""
        if flow.response and flow.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            flow.response.stream = True

    @guarded
    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Let no connection to a refused destination come into being."""
        if data.server.error:
            return
        client = self._connection(data.client)
        targets = () if client.is_freed else destination_targets(data.server.address)
        verdict = self._policy().decide(client.client, targets, time.time())
        self._record(client, verdict)
        if client.is_refused or verdict.action is ProxyAction.REFUSE:
            data.server.error = REFUSED

    @guarded
    def tls_failed_client(self, data: TlsData) -> None:
        """Record that a device which trusts the CA did not accept a certificate by it, on a name that a page is for."""
        client = self._connection(data.context.client)
        verdict = client.shown
        if verdict is None or not is_distrust(data.conn.error):
            return
        pinned = pin(verdict.decision.rule) if verdict.decision.rule else None
        if pinned:
            self._record(client, replace(verdict, decision=replace(verdict.decision, rule=pinned)))

    def _take_hello(self, data: ClientHelloData, client: ClientConnection, verdict: Verdict) -> None:
        self._record(client, verdict)
        if verdict.decision.rule and verdict.decision.rule.role is FRONT and verdict.decision.is_sighting:
            self._record_ech(client, verdict, data)
        client.shown = verdict if self._shows_page(client, verdict) else None
        data.ignore_connection = client.shown is None
        client.is_refused = data.ignore_connection and verdict.action is ProxyAction.REFUSE
        client.is_freed = verdict.decision.is_free

    def fail(self, event: AnyEvent, hook: str, error: Exception) -> None:
        """Close the connection of a hook that failed, and say so without saying whose it was."""
        client = refuse(event)
        known = self._connections.get(client.id)
        if known:
            known.is_refused = True
        self._journal.count("proxy_errors")
        self._defects.report(f"dnsfilter: connection closed in {hook}", error)

    def _policy(self) -> PolicyInForce:
        if self._source is None:
            raise DnsfilterError("no policy is in force")
        return self._source.policy

    def _connection(self, client: connection.Client, flow: HTTPFlow | None = None) -> ClientConnection:
        """Return what is known of a client; a request may bring the name of its user along."""
        known = self._connections.get(client.id)
        if known is None:
            address = canonical_address(client.peername[0])
            is_resolved = self._is_resolved(client)
            known = ClientConnection(address, self._policy().find_client(address, time.time()), is_resolved)
            self._connections[client.id] = known
            self._journal.clients.add(address)
        if flow and USER in flow.metadata:
            identify(known, flow.metadata[USER][0], self._policy(), time.time())
        return known

    def _is_resolved(self, client: connection.Client) -> bool:
        """Whether a client connected to an address that it did not get from us."""
        is_transparent = client.proxy_mode.type_name in TRANSPARENT
        return is_transparent and not self._policy().is_sinkhole(str(client.sockname[0]))

    def _judge(self, client: ClientConnection, flow: HTTPFlow) -> Verdict:
        """Return the verdict about what a request names, and about DNS that it carries."""
        targets, now = request_targets(flow), time.time()
        verdict = self._policy().decide(client.client, targets, now)
        if not speaks_dns(flow.request) or not targets or verdict.decision.is_free:
            return verdict
        decision = self._policy().decide_dns(client.client, now)
        return Verdict(decision, targets[0]) if strictness(decision) > strictness(verdict.decision) else verdict

    def _record_signs(self, client: ClientConnection, verdict: Verdict, flow: HTTPFlow) -> None:
        """Record the signs of an app in a request, whatever the request is for."""
        now = time.time()
        for decision in self._policy().observe_signs(client.client, flow.request.headers, verdict.decision, now):
            assert decision.rule
            self._recorder.record(client, Verdict(decision, Target(decision.rule.text, Channel.HTTP)), now)

    def _record_ech(self, client: ClientConnection, verdict: Verdict, data: ClientHelloData) -> None:
        if hides_name(data):
            self._recorder.record_ech(client, verdict, time.time())

    def _record(self, client: ClientConnection, verdict: Verdict) -> None:
        if not verdict.decision.is_probe:
            self._recorder.count_connection(client, verdict.action)
            self._recorder.record(client, verdict, time.time())

    def _shows_page(self, client: ClientConnection, verdict: Verdict) -> bool:
        if not self._policy().trusts_ca(client.client):
            return False
        return verdict.action is ProxyAction.REFUSE or (
            verdict.action is ProxyAction.WARN
            and not self._acknowledgements.has(client.address, verdict.app, time.time())
        )

    def _warn(self, flow: HTTPFlow, client: ClientConnection, verdict: Verdict) -> None:
        """Let a request pass when its client has clicked, take a click, or ask for one."""
        clicks, request, now = self._acknowledgements, flow.request, time.time()
        target = clicks.accept(request.path, client.address, verdict.app, now) if is_click(request) else None
        if target:
            flow.response = redirect(target)
        elif not clicks.has(client.address, verdict.app, now):
            link = clicks.link(client.address, verdict.app, request.path, now)
            flow.response = respond(self._notice(verdict, link), request, FORBIDDEN_STATUS)

    def _notice(self, verdict: Verdict, action: str = "") -> Notice:
        assert verdict.target
        since = self._policy().since(verdict.decision)
        contact = self._policy().configuration.proxy.contact
        title, cause = self._policy().titles.get(verdict.app, ""), self._policy().find_cause(verdict.decision)
        name = str(verdict.target.value)
        return Notice(name, verdict.app, verdict.decision.policy, since, contact, action, title, cause)

    async def _keep_up(self, source: PolicySource) -> None:
        """Put new generations in force; a damaged one leaves the last good one in force."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await end_silent(self._connections, time.time())
            self._journal.gauges["proxy_open_connections",] = len(self._connections)
            try:
                await asyncio.to_thread(source.refresh)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the new one, the old one stays
                logger.error("dnsfilter: the last good policy stays in force: %s", error)  # noqa: TRY400


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _first_octets(choice: NextLayer) -> bytes:
    """Return what a client has sent, over TCP."""
    is_stream = choice.context.client.transport_protocol == "tcp"
    return bytes(choice.data_client()) if is_stream else b""  # type: ignore[no-untyped-call]


addons = [Enforce()]
