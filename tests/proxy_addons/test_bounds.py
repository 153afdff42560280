"""What mitmproxy keeps of heads, of requests sent ahead and of bodies that nobody reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.http import Request, Response
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection, Command, OpenConnection, SendData, StartHook
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpRequestHeadersHook
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ResponseProtocolError

from proxy_addons import bounds
from proxy_addons.bounds import MAX_AHEAD, MAX_HEAD, BoundedClient
from tests.fakes.layers import World, running
from tests.fakes.mitmproxy import proxy_context
from tests.fakes.published import publish_world

HEAD = b"POST http://www.tiktok.com/ HTTP/1.1\r\nHost: www.tiktok.com\r\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the addon with the bounds."""
    bounds.install()
    directory: Path = tmp_path_factory.mktemp("world")
    publish_world(directory)
    with running(directory) as found:
        yield found


class Speaker:
    """One client of a proxy that answers every request by itself, or asks the server."""

    def __init__(self, world: World, answer: Callable[[Request], Response | None]) -> None:
        context = proxy_context(None)
        context.options = world.options
        self.client = context.client
        self.said = b""
        self.is_closed = False
        self.opened = 0
        self._answer = answer
        self._layer = HttpLayer(context, HTTPMode.regular)
        self._handle(events.Start())

    def send(self, data: bytes) -> None:
        """Send something, if the connection is still open."""
        if not self.is_closed:
            self._handle(events.DataReceived(self.client, data))

    def _handle(self, event: events.Event) -> None:
        waiting = [event]
        while waiting:
            for command in self._layer.handle_event(waiting.pop(0)):
                waiting += self._obey(command)

    def _obey(self, command: Command) -> Iterator[events.Event]:
        if isinstance(command, HttpRequestHeadersHook):
            command.flow.response = self._answer(command.flow.request)
        if isinstance(command, StartHook) and command.blocking:
            yield events.HookCompleted(command)
        elif isinstance(command, SendData) and command.connection is self.client:
            self.said += command.data
        elif isinstance(command, CloseConnection) and command.connection is self.client:
            self.is_closed = True
        elif isinstance(command, OpenConnection):
            self.opened += 1


def refuse(_request: Request) -> Response:
    return Response.make(451, b"no", {"Content-Length": "2"})


def test_a_head_without_end_is_refused(world: World) -> None:
    """A head that is longer than a head may be ends the connection with 431, in one line or in many."""
    for filler in (b"x" * 1000, b"a: b\r\n" * 200):
        speaker = Speaker(world, refuse)
        speaker.send(HEAD + b"X-Long: ")
        for _ in range(2 * MAX_HEAD // len(filler)):
            speaker.send(filler)
        assert speaker.said.startswith(b"HTTP/1.1 431 ")
        assert speaker.is_closed


def test_a_long_head_is_read(world: World) -> None:
    """A head that is nearly as long as it may be is read like any other."""
    speaker = Speaker(world, refuse)
    speaker.send(HEAD + b"Cookie: " + b"x" * (MAX_HEAD - 200) + b"\r\nContent-Length: 0\r\n\r\n")
    assert speaker.said.startswith(b"HTTP/1.1 451 ")
    assert not speaker.is_closed


@pytest.mark.parametrize(
    ("field", "body"),
    [
        (b"Content-Length: 300000\r\n\r\n", b"x" * 300_000),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n"),
    ],
)
def test_what_is_answered_waits_for_no_body(world: World, field: bytes, body: bytes) -> None:
    """The answer comes after the head; of the body nothing is kept, and after it the connection goes on."""
    speaker = Speaker(world, refuse)
    for _ in range(2):
        speaker.said = b""
        speaker.send(HEAD + field)
        assert speaker.said.startswith(b"HTTP/1.1 451 ")
        assert speaker.said.endswith(b"no")
        for start in range(0, len(body), 4096):
            speaker.send(body[start : start + 4096])
            stream = next(iter(speaker._layer.streams.values()), None)
            assert stream is None or len(stream.request_body_buf) == 0
        assert not speaker.is_closed
        assert speaker._layer.streams == {}
    assert speaker.opened == 0


def test_what_is_sent_ahead_is_bounded(world: World) -> None:
    """While a request waits for its server, a client may send something, but not without end."""
    speaker = Speaker(world, lambda _: None)
    speaker.send(b"GET http://www.example.org/ HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
    assert speaker.opened == 1
    speaker.send(bytes(MAX_AHEAD))
    assert not speaker.is_closed
    speaker.send(b"x")
    assert speaker.is_closed


def test_a_server_without_end_is_left() -> None:
    """A head of a server that never ends is an error of the server."""
    context = proxy_context(("192.0.2.1", 80))
    context.server.state = ConnectionState.OPEN
    layer = BoundedClient(context)
    list(layer.handle_event(events.Start()))
    layer.stream_id, layer.request = 1, Request.make("GET", "http://www.example.org/")
    assert list(layer.handle_event(events.DataReceived(context.server, b"HTTP/1.1 200 OK\r\nX: "))) == []
    commands = list(layer.handle_event(events.DataReceived(context.server, bytes(MAX_HEAD))))
    assert isinstance(commands[0], CloseConnection)
    assert isinstance(commands[1], ReceiveHttp)
    assert isinstance(commands[1].event, ResponseProtocolError)


def test_mitmproxy_has_what_is_replaced() -> None:
    """The names that are replaced are those that mitmproxy makes its layers by."""
    assert {"HttpStream", "Http1Server"} <= set(HttpLayer.make_stream.__code__.co_names) | set(
        HttpLayer._handle_event.__code__.co_names
    )
    bounds.install()
    assert bounds.http.HttpStream is bounds.PromptStream
