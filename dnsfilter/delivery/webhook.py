"""Delivers an event to a URL: a signed POST, the certificate verified, no redirect followed, no proxy in between."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from dnsfilter import __version__
from dnsfilter.delivery.files import load_trust, read_secret
from dnsfilter.delivery.threads import call
from dnsfilter.outgoing.message import Fate, Message, Result
from dnsfilter.outgoing.payload import parse_secret, sign, write_body
from dnsfilter.settings.notification import Webhook

TIMEOUT = 20.0
MAX_PAUSE = 86_400.0
ATTEMPTS = 5
"""How often a message is tried that the other side finds fault with."""

_FAULTS = frozenset((400, 410, 413, 415, 422))


class Hook:
    """One URL; `identify` tells the inventory's id of a device, empty where it must not or cannot be told."""

    def __init__(self, settings: Webhook, identify: Callable[[Message], str]) -> None:
        self._settings = settings
        self._identify = identify
        self._session: ClientSession | None = None

    async def deliver(self, message: Message) -> Result:
        """Try once."""
        try:
            secret = parse_secret(read_secret(self._settings.secret_file))
            session = self._session = self._session or await self._open()
        except ValueError as error:
            return Result(Fate.BLOCKED, str(error))
        body = write_body(message.event, self._identify(message))
        try:
            url, headers = self._settings.url, _write_headers(message, secret, body)
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return _judge(message, response.status, response.headers.get("Retry-After", ""))
        except (ClientError, OSError, ValueError) as error:
            return Result(Fate.BLOCKED, getattr(error, "strerror", None) or type(error).__name__)

    async def close(self) -> None:
        """Close what is open."""
        if self._session:
            await self._session.close()

    async def _open(self) -> ClientSession:
        context = await call(lambda: load_trust(self._settings.ca))
        connector = TCPConnector(ssl=context, force_close=True)
        return ClientSession(connector=connector, timeout=ClientTimeout(total=TIMEOUT))


def _write_headers(message: Message, secret: bytes, body: bytes) -> dict[str, str]:
    now = int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": f"dnsfilter/{__version__}",
        "webhook-id": message.event.id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(secret, message.event.id, now, body),
    }


def _judge(message: Message, status: int, retry_after: str) -> Result:
    reason = f"HTTP status {status}"
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
        return Result(Fate.DELIVERED)
    if status in _FAULTS and message.attempts + 1 >= ATTEMPTS:
        return Result(Fate.REFUSED, reason)
    return Result(Fate.BLOCKED, reason, _parse_pause(retry_after))


def _parse_pause(text: str) -> float:
    """Return how many seconds a Retry-After asks for (RFC 9110 section 10.2.3), at most a day; 0 for none."""
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_PAUSE)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, moment - time.time()), MAX_PAUSE)
