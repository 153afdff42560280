"""The border between mitmproxy and the addon: a hook that fails closes what it was called for."""

import functools
from collections.abc import Callable
from typing import Protocol, TypeVar

from mitmproxy import connection, exceptions
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.modes import Socks5AuthData
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData, TlsData

from proxy_addons.beginnings import Ended

REFUSED = "refused by policy"

AnyEvent = (
    HTTPFlow | ClientHelloData | ServerConnectionHookData | connection.Client | TlsData | Socks5AuthData | NextLayer
)
Event = TypeVar("Event", bound=AnyEvent)


class Failing(Protocol):
    """Has hooks that may fail."""

    def fail(self, event: AnyEvent, hook: str, error: Exception) -> None:
        """Close what the hook was called for, and say so."""


Addon = TypeVar("Addon", bound=Failing)


def guarded(hook: Callable[[Addon, Event], None]) -> Callable[[Addon, Event], None]:
    """Make a hook close its connection instead of failing: an error must not let anything through."""

    @functools.wraps(hook)
    def run(addon: Addon, event: Event) -> None:
        try:
            hook(addon, event)
        except exceptions.AddonHalt:
            raise
        except Exception as error:  # noqa: BLE001 - the border
            addon.fail(event, hook.__name__, error)

    return run


def refuse(event: AnyEvent) -> connection.Client:
    """Make mitmproxy end what a hook was called for; return the client of it."""
    if isinstance(event, connection.Client):
        event.error = REFUSED
        return event
    if isinstance(event, HTTPFlow | Socks5AuthData):
        _refuse_client(event)
        return event.client_conn
    if isinstance(event, ServerConnectionHookData):
        event.server.error = REFUSED
        return event.client
    _refuse_layer(event)
    return event.context.client


def _refuse_client(event: HTTPFlow | Socks5AuthData) -> None:
    if isinstance(event, Socks5AuthData):
        event.valid = False
    elif event.killable:
        event.kill()  # type: ignore[no-untyped-call]


def _refuse_layer(event: ClientHelloData | TlsData | NextLayer) -> None:
    """End a layer: what is not decrypted ends at the last gate, a failed handshake has ended already."""
    if isinstance(event, ClientHelloData):
        event.ignore_connection = True
    elif isinstance(event, NextLayer):
        event.layer = Ended(event.context)
