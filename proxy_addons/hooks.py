"""Calls hooks, for the little of mitmproxy's time that they need: which addons have which is looked up once.

mitmproxy asks every addon for every hook of every connection. Here none comes or goes once the proxy runs.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy.addonmanager import AddonManager, safecall
from mitmproxy.exceptions import AddonHalt
from mitmproxy.hooks import Hook
from mitmproxy.master import Master
from mitmproxy.options import Options

Function = Callable[..., Any]


class HookTable(AddonManager):
    """mitmproxy's addon manager with a table of hooks."""

    def __init__(self, master: Master) -> None:
        super().__init__(master)  # type: ignore[no-untyped-call]
        self._table: dict[str, Sequence[Function]] = {}

    def add(self, *addons: object) -> None:
        """Add addons, behind those that are there."""
        self._table.clear()
        super().add(*addons)  # type: ignore[no-untyped-call]

    async def trigger_event(self, event: Hook) -> None:
        """Call a hook of every addon that has it, in order, until one says that the others need not be asked."""
        found = self._table.get(event.name)
        if found is None:
            found = self._table[event.name] = self._find(event)
        if not found:
            return
        arguments = event.args()
        for function in found:
            try:
                result = function(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
            except AddonHalt:
                return
            except Exception:
                with safecall():  # says what mitmproxy does about it
                    raise

    def _find(self, event: Hook) -> Sequence[Function]:
        return [function for addon in self.chain for _, function in self._iter_hooks(addon, event)]


class HookMaster(Master):
    """mitmproxy's core with a table of hooks."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.addons = HookTable(self)
