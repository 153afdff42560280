"""QUIC that passes undecrypted: mends how mitmproxy replaces its layer. Decides nothing.

mitmproxy 11 takes a connection that is to be ignored out of its QUIC layers by giving the uppermost of them the methods
of another layer. Who stands above has its own copy of the former method by then, and every further event of the
connection would end in an assertion.
"""

from collections.abc import Iterator
from typing import Any

from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import NextLayer


def follow_replacement(context: Context) -> None:
    """Make the layer above look up the method for each event, before its layer is replaced."""
    above = getattr(context.layers[0], "child_layer", None) if context.layers else None
    if not isinstance(above, NextLayer) or above.layer is None:
        return
    layer = above.layer

    def handle(event: Event) -> Iterator[Command]:
        commands: Iterator[Any] = layer.handle_event(event)
        return commands

    above._handle = handle  # type: ignore[assignment]  # noqa: SLF001 - there is no other way in
