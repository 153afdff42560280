"""Hooks are called as mitmproxy's own addon manager calls them."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from mitmproxy.addonmanager import AddonManager
from mitmproxy.exceptions import AddonHalt
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.proxy.server_hooks import ClientConnectedHook
from mitmproxy.test import tflow

from proxy_addons.hooks import HookMaster, HookTable
from tests.fakes.mitmproxy import proxy_client


class Named:
    """Writes down that it was asked, then does something."""

    def __init__(self, name: str, heard: list[str], act: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self._heard = heard
        self._act = act

    def client_connected(self, _client: object) -> object:
        """Do it."""
        self._heard.append(self.name)
        return self._act()


class Deaf:
    """Has no hooks."""


def halt() -> None:
    raise AddonHalt


def fail() -> None:
    raise ValueError("of the addon")


async def wait() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [Master, HookMaster])
@pytest.mark.parametrize(
    ("acts", "heard"),
    [
        ((wait, wait), ["first", "second"]),
        ((halt, wait), ["first"]),
        ((fail, wait), ["first", "second"]),
        ((lambda: "text", lambda: None), ["first", "second"]),
    ],
)
def test_calls_hooks_as_mitmproxy_does(
    kind: Callable[[Options], Master],
    acts: tuple[Callable[[], object], Callable[[], object]],
    heard: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Hooks are called in order, awaited, ended by AddonHalt, and an error is logged and keeps nobody else from it."""
    found: list[str] = []

    async def run() -> None:
        master = kind(Options())
        named = [Named(name, found, act) for name, act in zip(("first", "second"), acts, strict=True)]
        master.addons.add(named[0], Deaf(), named[1])
        await master.addons.handle_lifecycle(ClientConnectedHook(proxy_client()))
        await master.done()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert found == heard
    assert ("of the addon" in caplog.text) is (fail in acts)


def test_an_addon_that_comes_later_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    """The table is looked up again when an addon was added; what no addon has costs nothing and fails nothing."""
    found: list[str] = []

    async def run() -> None:
        master = HookMaster(Options())
        assert isinstance(master.addons, HookTable)
        master.addons.add(Named("first", found))
        for name in ("second", "third"):
            await master.addons.handle_lifecycle(ClientConnectedHook(proxy_client()))
            master.addons.add(Named(name, found))
        await master.addons.trigger_event(HttpRequestHook(tflow.tflow()))
        await master.done()

    asyncio.run(run())
    assert found == ["first", "first", "second"]
    assert not caplog.records


def test_mitmproxy_still_has_what_is_replaced() -> None:
    """The methods that the table stands for exist in this version of mitmproxy."""
    assert all(hasattr(AddonManager, name) for name in ("add", "trigger_event", "handle_lifecycle", "_iter_hooks"))
