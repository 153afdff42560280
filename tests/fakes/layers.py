"""mitmproxy's layers with the addon, without sockets: octets of a client in, connections to servers out.

What a server would be asked is decided by mitmproxy's own code and by every hook of the addon, as in the program.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mitmproxy import exceptions
from mitmproxy.addons.next_layer import NextLayer as NextLayerAddon
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.hooks import Hook
from mitmproxy.proxy import commands, events, layers
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server_hooks import ServerConnectHook, ServerConnectionHookData
from mitmproxy.test import taddons

from proxy_addons.enforce import Enforce
from proxy_addons.source import PolicySource
from tests.fakes.mitmproxy import addon_context, proxy_client
from tests.fakes.published import PLAIN

TOPS: dict[str, type[Layer]] = {"transparent": layers.modes.TransparentProxy, "regular": layers.modes.HttpProxy}


class World:
    """An addon that runs, and what mitmproxy asks before and after it."""

    def __init__(self, context: taddons.context, addon: Enforce) -> None:
        self.options = context.options
        self.addon = addon
        self._addons = (addon, context.master.addons.get("nextlayer"), context.master.addons.get("tlsconfig"))

    def ask(self, hook: Hook) -> None:
        """Call a hook of every addon in order."""
        for addon in self._addons:
            method = getattr(addon, hook.name, None)
            try:
                if method:
                    method(*hook.args())
            except exceptions.AddonHalt:
                return

    def connect(self, segments: Iterable[bytes], mode: str = "transparent") -> list[tuple[str, int]]:
        """Let a client send segments; return where connections were opened to."""
        return self.run(segments, mode).opened

    def run(
        self,
        segments: Iterable[bytes],
        mode: str = "transparent",
        transport: str = "tcp",
        address: str = PLAIN,
        port: int = 443,
    ) -> "Run":
        """Let a client at an address send segments or datagrams; return what became of them."""
        client = proxy_client(address, transport)
        client.proxy_mode = ProxyMode.parse(mode)
        context = Context(client, self.options)
        if mode == "transparent":
            context.server = Server(address=("192.0.2.1", port), transport_protocol=transport)  # type: ignore[arg-type]
        run = Run(self, context)
        run.take(TOPS[mode](context), segments)
        self.addon.client_disconnected(client)
        return run


class Run:
    """One connection of a client: what it opened, what was sent to the server and to the client, what was asked."""

    def __init__(self, world: World, context: Context) -> None:
        self.opened: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self.to_server: list[bytes] = []
        self.to_client: list[bytes] = []
        self._world = world
        self._context = context

    @property
    def is_closed(self) -> bool:
        """Whether the client's connection was closed."""
        return self._context.client.state is ConnectionState.CLOSED

    def take(self, top: Layer, segments: Iterable[bytes]) -> None:
        """Let the client send them, until it is closed."""
        self._handle(top, events.Start())
        for segment in segments:
            if not self._context.client.state & ConnectionState.CAN_READ:
                return
            self._handle(top, events.DataReceived(self._context.client, segment))

    def _handle(self, top: Layer, event: events.Event) -> None:
        waiting = [event]
        while waiting:
            for command in top.handle_event(waiting.pop(0)):
                waiting += self._obey(command)

    def _obey(self, command: commands.Command) -> Iterator[events.Event]:
        if isinstance(command, StartHook):
            self.asked.append(command.name)
            self._world.ask(command)
            if command.blocking:
                yield events.HookCompleted(command)
        elif isinstance(command, commands.OpenConnection):
            yield events.OpenConnectionCompleted(command, self._open(command.connection))
        elif isinstance(command, commands.SendData):
            (self.to_client if command.connection is self._context.client else self.to_server).append(command.data)
        elif isinstance(command, commands.CloseConnection):
            command.connection.state = ConnectionState.CLOSED

    def _open(self, server: Server) -> str | None:
        data = ServerConnectionHookData(server, self._context.client)
        self._world.ask(ServerConnectHook(data))
        if not server.error:
            assert server.address
            server.state = ConnectionState.OPEN
            self.opened.append((server.address[0], server.address[1]))
        return server.error


@contextmanager
def running(state: Path) -> Iterator[World]:
    """Run the addon on what was published in a state directory."""
    addon = Enforce("proxy-0", PolicySource(state))
    with addon_context(Proxyserver(), NextLayerAddon(), TlsConfig(), addon) as context:
        context.configure(addon, confdir=str(state / "mitmproxy"))
        try:
            yield World(context, addon)
        finally:
            addon.done()
