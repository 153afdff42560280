"""Who has read the warning: a click lets one client use one app for an hour.

The link of the click is signed, so that no page elsewhere can click for the user. What was clicked is an empty file
whose name tells nobody anything, so that all proxy processes know of it, and a restart forgets nothing.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from mitmproxy.http import Request

PATH = "/.well-known/dnsfilter/continue"
VALID_SECONDS = 3600
MAX_FILES = 10_000

_KEY_BYTES = 32


def is_click(request: Request) -> bool:
    """Whether a request is a press of the warning's button."""
    return request.method == "POST" and request.path.startswith(PATH + "?")


class Acknowledgements:
    """The clicks of the last hour, kept below the state directory."""

    def __init__(self, state: Path) -> None:
        self._directory = state / "acknowledged"
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._key = _read_key(self._directory / ".key")

    def has(self, client: str, app: str, now: float) -> bool:
        """Whether the client has clicked for the app within the last hour."""
        try:
            clicked = (self._directory / self._sign("click", client, app)).stat().st_mtime
        except OSError:
            return False
        return now - clicked < VALID_SECONDS

    def link(self, client: str, app: str, target: str, now: float) -> str:
        """Return where the warning's button leads; `target` is the path that the client wanted."""
        until = str(int(now) + VALID_SECONDS)
        token = self._sign("link", client, app, until, target)
        return f"{PATH}?{urlencode({'until': until, 'token': token, 'to': target})}"

    def accept(self, link: str, client: str, app: str, now: float) -> str | None:
        """Keep the click and return where to go on, None when the link is not one of ours for this client and app."""
        fields = {key: values[-1] for key, values in parse_qs(urlsplit(link).query).items()}
        until, target, token = (fields.get(key, "") for key in ("until", "to", "token"))
        if not hmac.compare_digest(token.encode(), self._sign("link", client, app, until, target).encode()):
            return None
        if now >= int(until):
            return None
        self._keep(self._directory / self._sign("click", client, app), now)
        return "/" + target.lstrip("/")

    def _keep(self, file: Path, now: float) -> None:
        self._expire(now)
        file.touch(mode=0o600)
        os.utime(file, (now, now))

    def _expire(self, now: float) -> None:
        files = sorted(
            (path.stat().st_mtime, path) for path in self._directory.iterdir() if not path.name.startswith(".key")
        )
        for index, (clicked, path) in enumerate(files):
            if now - clicked >= VALID_SECONDS or len(files) - index >= MAX_FILES:
                path.unlink(missing_ok=True)

    def _sign(self, *parts: str) -> str:
        return hmac.new(self._key, "\0".join(parts).encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def _read_key(path: Path) -> bytes:
    """Return the key that all proxy processes share; the first one makes it, whole or not at all."""
    if not path.exists():
        own = path.with_name(f".key.{os.getpid()}")
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(own)
        own.unlink()
    return path.read_bytes()
