"""UDP comes first: one turn of the event loop may have thousands of streams to serve, and UDP is looked at in between.

The event loop hands out all that is ready before it asks again what is: ten thousand connections that open, or send an
octet, at once would have every datagram wait until the last of them is served. Knows no DNS.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

PATIENCE: Final = 250e-6
"""Seconds for which streams are served before UDP is looked at."""


class Precedence:
    """What streams call before they do something; `serve_udp` answers what waits at one socket each."""

    def __init__(self, serve_udp: Sequence[Callable[[], None]] = ()) -> None:
        self._serve_udp = serve_udp
        self._given = 0.0

    def give(self) -> None:
        """Let UDP be served, if that was some time ago."""
        now = monotonic()
        if now - self._given > PATIENCE:
            self._given = now
            for serve in self._serve_udp:
                serve()
