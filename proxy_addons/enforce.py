"""The mitmproxy addon: refuses listed names before a connection to them exists, and leaves all else alone, undecrypted.

    CONNECT -> http_connect     ClientHello -> tls_clienthello     HTTP request -> requestheaders
    and whatever named nothing, or is refused already, ends at server_connect: no connection to a server is made but
    through it, because `connection_strategy` is lazy.

One method per hook; no hook waits for anything. A hook that fails closes its connection.
"""

import asyncio
import functools
import logging
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mitmproxy import connection, ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData

from dnsfilter.channel import Sender
from dnsfilter.clients.addresses import parse_address
from dnsfilter.errors import DnsfilterError
from dnsfilter.journal import Journal
from dnsfilter.model import ProxyAction
from proxy_addons.acknowledgements import Acknowledgements, is_click
from proxy_addons.connections import ClientConnection, Recorder
from proxy_addons.discretion import Discretion
from proxy_addons.endpoint import MetricsEndpoint
from proxy_addons.names import destination_targets, hello_targets, request_targets
from proxy_addons.options import LAZY, chose_eager, take_over
from proxy_addons.page import FORBIDDEN_STATUS, REFUSED_STATUS, Notice, redirect, respond
from proxy_addons.policy import PolicyInForce, Verdict
from proxy_addons.quic import follow_replacement
from proxy_addons.source import PolicySource, compile_source

REFRESH_SECONDS = 0.25
REFUSED = "refused by policy"
EAGER = "connection_strategy=eager connects before the name is known: leave it out, or set lazy"

logger = logging.getLogger(__name__)
AnyEvent = HTTPFlow | ClientHelloData | ServerConnectionHookData | connection.Client
Event = TypeVar("Event", HTTPFlow, ClientHelloData, ServerConnectionHookData, connection.Client)


def guarded(hook: Callable[["Enforce", Event], None]) -> Callable[["Enforce", Event], None]:
    """Make a hook close its connection instead of failing: an error must not let anything through."""

    @functools.wraps(hook)
    def run(addon: "Enforce", event: Event) -> None:
        try:
            hook(addon, event)
        except Exception as error:  # noqa: BLE001 - the border
            addon.fail(event, hook.__name__, error)

    return run


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
        self._failures: set[str] = set()

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
        self._discretion.begin()
        if self._source is None:
            state, file = (_path(ctx.options.dnsfilter_state), _path(ctx.options.dnsfilter_config))
            self._source = PolicySource(state) if state else compile_source(file)
            self._endpoint.start(self._policy().configuration.proxy.metrics)
        self._acknowledgements = Acknowledgements(self._source.state)

    def running(self) -> None:
        """Begin to send the journal and to watch for new generations."""
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
        """Learn who a client is."""
        self._connection(client)

    @guarded
    def client_disconnected(self, client: connection.Client) -> None:
        """Forget a client."""
        self._connections.pop(client.id, None)

    @guarded
    def http_connect(self, flow: HTTPFlow) -> None:
        """Refuse a tunnel to a refused name, unless a page can be shown inside it."""
        if flow.response or flow.error or not flow.live:
            return
        client = self._connection(flow.client_conn)
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
        self._record(client, verdict)
        data.ignore_connection = not self._shows_page(client, verdict)
        if data.context.client.transport_protocol == "udp":
            follow_replacement(data.context)
        client.is_refused = data.ignore_connection and verdict.action is ProxyAction.REFUSE
        client.is_freed = verdict.decision.is_free

    @guarded
    def requestheaders(self, flow: HTTPFlow) -> None:
        """Answer a request for a refused name, or one that needs a warning first, with a page."""
        if flow.response or flow.error or not flow.live:
            return
        client = self._connection(flow.client_conn)
        verdict = self._policy().decide(client.client, request_targets(flow), time.time())
        self._record(client, verdict)
        client.is_freed = verdict.decision.is_free
        if not verdict.decision.is_probe:
            self._recorder.count_request(verdict.action)
        match verdict.action:
            case ProxyAction.REFUSE:
                flow.response = respond(self._notice(verdict), flow.request, REFUSED_STATUS)
            case ProxyAction.WARN:
                self._warn(flow, client, verdict)
        if flow.response:
            flow.request.stream = False

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

    def fail(self, event: AnyEvent, hook: str, error: Exception) -> None:
        """Close the connection of a hook that failed, and say so without saying whose it was."""
        client = _refuse(event)
        known = self._connections.get(client.id)
        if known:
            known.is_refused = True
        self._journal.count("proxy_errors")
        place = traceback.extract_tb(error.__traceback__)[-1]
        failure = f"{hook}: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        if failure not in self._failures:
            self._failures.add(failure)
            logger.error("dnsfilter: connection closed, further ones only counted: %s", failure)

    def _policy(self) -> PolicyInForce:
        if self._source is None:
            raise DnsfilterError("no policy is in force")
        return self._source.policy

    def _connection(self, client: connection.Client) -> ClientConnection:
        known = self._connections.get(client.id)
        if known is None:
            address = str(parse_address(client.peername[0]))
            known = ClientConnection(address, self._policy().find_client(address, time.time()))
            self._connections[client.id] = known
        return known

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
        return Notice(str(verdict.target.value), verdict.app, verdict.decision.policy, since, contact, action)

    async def _keep_up(self, source: PolicySource) -> None:
        """Put new generations in force; a damaged one leaves the last good one in force."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            self._journal.gauges["proxy_open_connections",] = len(self._connections)
            try:
                await asyncio.to_thread(source.refresh)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the new one, the old one stays
                logger.error("dnsfilter: the last good policy stays in force: %s", error)  # noqa: TRY400


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _refuse(event: AnyEvent) -> connection.Client:
    """Make mitmproxy end what a hook was called for; return the client of it."""
    match event:
        case HTTPFlow():
            if event.killable:
                event.kill()  # type: ignore[no-untyped-call]
            return event.client_conn
        case ClientHelloData():
            event.ignore_connection = True
            return event.context.client
        case ServerConnectionHookData():
            event.server.error = REFUSED
            return event.client
        case _:
            event.error = REFUSED
            return event


addons = [Enforce()]
