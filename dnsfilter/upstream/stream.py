"""Asking one upstream over a connection that stays: many questions at once, answers in any order (RFC 7766).

Knows nothing of what the connection speaks. A connection that breaks is made again: at once where it had answered,
with growing pauses where it had not. One log line tells that an upstream stopped to answer, and one that it answers.
"""

import asyncio
import logging
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Iterable
from itertools import islice
from time import monotonic
from typing import Any

from dnsfilter.upstream.transport import Asked
from dnsfilter.wire.letters import answers_but_for_case

PATIENCE = 3.0
"""Seconds until a connection, with its handshake, must stand."""

SILENCE = 2.0
"""Seconds for which an upstream that was asked may say nothing at all; then the connection is taken for dead."""

IDLE = 20.0
"""Seconds after which a connection that nobody needs is closed; upstreams mostly close theirs after 30."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.2
"""Seconds for which an upstream is left alone after a connection failed; longer, and its return would go unnoticed."""

MAX_ASKED = 10_000

_log = logging.getLogger("dnsfilter.upstream")


class Connection(asyncio.Protocol, ABC):
    """One connection and what was asked over it; a subclass knows how to `write` questions and reads answers."""

    room = 0
    """How many more questions may be asked now."""

    def __init__(self, upstream: "StreamUpstream") -> None:
        self.upstream = upstream
        self.asked: dict[Hashable, Asked] = {}
        self.has_answered = False
        self.used_at = monotonic()
        self._silent_since: float | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment] # what a stream protocol gets

    def connection_lost(self, _error: Exception | None) -> None:
        """Give back what was not answered."""
        self.upstream.on_lost(self)

    @abstractmethod
    def write(self, batch: Iterable[Asked]) -> None:
        """Send questions, each entered in `asked` under what its answer will be known by."""

    def forget(self, key: Hashable) -> None:
        """Wait no longer for one answer."""
        del self.asked[key]

    def ask(self, batch: Iterable[Asked]) -> None:
        """Send questions."""
        self.used_at = monotonic()
        if self._silent_since is None:
            self._silent_since = self.used_at
        self.write(batch)

    def take(self, key: Hashable, message: bytes) -> bool:
        """Hand on a message if it is the response that is known by this key; whether it was."""
        asked = self.asked.get(key)
        if asked is None or not answers_but_for_case(message, asked.question):
            self.upstream.mismatches += 1
            return False
        del self.asked[key]
        self._silent_since = monotonic() if self.asked else None
        self.has_answered = True
        self.upstream.on_answer(asked, message)
        return True

    def is_useless(self, now: float) -> bool:
        """Whether the other side seems to be gone, or nobody needs the connection."""
        for key in [key for key, asked in self.asked.items() if asked.is_done]:
            self.forget(key)
        if self._silent_since is not None and now - self._silent_since > SILENCE:
            return True
        return not self.asked and now - self.used_at > IDLE


def describe(error: Exception) -> str:
    """Say in a few words why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no connection in time"
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error or type(error).__name__)


class StreamUpstream:
    """One upstream; `connect(connection's upstream)` returns a connection that stands, or raises OSError.

    Nobody else can answer on a connection, so that letters may come back in another case (RFC 4343).
    `on_response(asked, message, now)` gets what matches, `on_failure(asked, now)` what will not be answered,
    `on_down(now)` hears that the upstream cannot be asked, `on_batch_end()` is called after each batch of these.
    """

    def __init__(
        self,
        label: str,
        connect: "Connect",
        on_response: Callable[[Any, bytes, float], None],
        on_failure: Callable[[Any, float], None],
        on_down: Callable[[float], None],
        on_batch_end: Callable[[], None],
    ) -> None:
        self._label = label
        self._connect = connect
        self._on_response, self._on_failure, self._on_down = on_response, on_failure, on_down
        self.on_batch_end = on_batch_end
        self.mismatches = 0
        self.keeps_case = True
        self._queue: dict[Asked, None] = {}
        """In order, each question once however often it was sent while there was no connection."""
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._pause = 0.0
        self._not_before = 0.0
        self._trouble = ""

    def send(self, asked: Asked) -> None:
        """Ask, with the next flush; OSError while the upstream is left alone, or has too much to do."""
        connection = self._connection
        if connection is None and monotonic() < self._not_before:
            raise ConnectionError(self._trouble)
        if len(self._queue) + (len(connection.asked) if connection else 0) >= MAX_ASKED:
            raise ConnectionError("too many questions are waiting")
        self._queue[asked] = None

    def flush(self) -> None:
        """Send as much of what was asked as the connection takes; make one where there is none."""
        if not self._queue:
            return
        if self._connection:
            batch = list(islice(self._queue, max(self._connection.room, 0)))
            for asked in batch:
                del self._queue[asked]
            if batch:
                self._connection.ask(batch)
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._make_connection())

    def close_retired(self, now: float) -> None:
        """Close a connection that is of no more use, and forget what nobody waits for."""
        self._queue = {asked: None for asked in self._queue if not asked.is_done}
        if self._connection and self._connection.is_useless(now):
            self._connection.transport.abort()

    def close(self) -> None:
        """Close the connection; nothing is asked any more."""
        self._queue = {}
        if self._task:
            self._task.cancel()
        connection, self._connection = self._connection, None
        if connection:
            connection.transport.abort()

    def on_answer(self, asked: Asked, message: bytes) -> None:
        """Take a response that matches."""
        self._pause = 0.0
        if self._trouble:
            _log.info("%s: answers again", self._label)
            self._trouble = ""
        self._on_response(asked, message, monotonic())

    def on_refusal(self, asked: Asked, reason: str) -> None:
        """Take the news that one question will not be answered."""
        self._tell(reason)
        self._on_failure(asked, monotonic())

    def on_lost(self, connection: Connection) -> None:
        """Ask again what a connection left open when it ended, unless it never answered."""
        if connection is not self._connection:
            return
        self._connection = None
        left = [asked for asked in connection.asked.values() if not asked.is_done]
        if connection.has_answered:  # RFC 7766 section 6.2.4
            self._queue = dict.fromkeys((*left, *self._queue))
            self.flush()
        elif left:
            self._fail("closed the connection, or kept silent, without an answer", *left)

    async def _make_connection(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await self._connect(self)
        except (OSError, ValueError) as error:
            self._task = None
            self._fail(describe(error))
            return
        self._task = None
        if connection.transport.is_closing():
            self._fail("closed the connection at once")
            return
        self._connection = connection
        self.flush()

    def _fail(self, reason: str, *left: Asked) -> None:
        now, failed = monotonic(), (*left, *self._queue)
        self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        self._not_before = now + self._pause
        self._queue = {}
        self._tell(reason)
        self._on_down(now)
        for asked in failed:
            self._on_failure(asked, now)
        self.on_batch_end()

    def _tell(self, reason: str) -> None:
        if reason != self._trouble:
            _log.warning("%s: %s", self._label, reason)
        self._trouble = reason


Connect = Callable[[StreamUpstream], Awaitable[Connection]]
