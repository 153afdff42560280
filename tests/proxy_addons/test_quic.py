"""QUIC that passes; that it really does, over WireGuard, is proven in tests/e2e/test_gateway.py."""

from collections.abc import Iterator

from mitmproxy.options import Options
from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event, Start
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers.modes import TransparentProxy

from proxy_addons.quic import follow_replacement
from tests.fakes.mitmproxy import proxy_client


class Counting(Layer):
    """A layer that counts what reaches it."""

    count = 0

    def _handle_event(self, _event: Event) -> Iterator[Command]:  # type: ignore[override]
        self.count += 1
        yield from ()


def test_events_follow_a_replaced_layer() -> None:
    """Who has copied a layer's method, as mitmproxy does, reaches what takes its place later."""
    context = Context(proxy_client(transport="udp"), Options())
    mode, chooser = TransparentProxy(context), NextLayer(context)
    first, second = Counting(context), Counting(context)
    mode.child_layer, chooser.layer, chooser._handle = chooser, first, first.handle_event
    follow_replacement(context)
    list(chooser.handle_event(Start()))
    first.handle_event = second.handle_event  # type: ignore[method-assign]
    list(chooser.handle_event(Start()))
    assert (first.count, second.count) == (1, 1)


def test_other_modes_are_left_alone() -> None:
    """Where no layer chooses another there is nothing to mend."""
    context = Context(proxy_client(), Options())
    follow_replacement(context)
    layer = Counting(context)
    follow_replacement(context)
    list(layer.handle_event(Start()))
    assert layer.count == 1
