"""A real HTTP server (aiohttp) on loopback that takes webhooks, verifies them and answers as it is told."""

import asyncio
import json
import ssl
import threading
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from dnsfilter.outgoing.payload import parse_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ9r8GKYqrTw="


class Receiver:
    """One server; `answers` are used up in turn (status and headers), then everything is 204."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.problems: list[str] = []
        self.port = 0
        self._certificate = certificate
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where hooks are taken."""
        return f"http{'s' if self._certificate else ''}://localhost:{self.port}/hook"

    def _serve(self) -> None:
        context = None
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        identifier, timestamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "0")
        expected = sign(parse_secret(SECRET), identifier, int(timestamp), body)
        if (request.method, request.path) != ("POST", "/hook"):
            self.problems.append(f"{request.method} {request.path}")
        elif request.headers.get("webhook-signature") != expected:
            self.problems.append("wrong signature")
        status, headers = self.answers.pop(0) if self.answers else (204, {})
        if 200 <= status < 300:
            self.bodies.append(json.loads(body))
            self.ids.append(identifier)
        return web.Response(status=status, headers=headers)
