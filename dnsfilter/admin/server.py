"""The resolver's endpoint over HTTP: /metrics, /healthz, /readyz, and nothing else.

Read-only. On a loopback address it answers only to loopback names, so that no web page reaches it by DNS rebinding.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from aiohttp import web

from dnsfilter.errors import ProcessError
from dnsfilter.values import Endpoint

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AdminServer:
    """Serves what `render` makes of an Accept header; `find_obstacle` says why we are not ready, or nothing.

    `key` is that of the configuration which says where to listen.
    """

    def __init__(
        self,
        render: Callable[[str], tuple[bytes, str]],
        find_obstacle: Callable[[], str],
        key: str = "listen.metrics",
    ) -> None:
        self._render = render
        self._find_obstacle = find_obstacle
        self._key = key
        self._runner: web.AppRunner | None = None

    async def start(self, endpoint: Endpoint) -> None:
        """Listen; ProcessError when that is not possible."""
        application = web.Application(middlewares=[_refuse_foreign_hosts] if _is_loopback(endpoint.host) else [])
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._health),
                web.get("/readyz", self._readiness),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, endpoint.host, endpoint.port).start()
        except OSError as error:
            await self.stop()
            raise ProcessError(f"{self._key}: cannot listen on {endpoint}: {error.strerror or error}") from None

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        body, media_type = self._render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": media_type})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readiness(self, _request: web.Request) -> web.Response:
        obstacle = self._find_obstacle()
        return web.Response(text=f"{obstacle or 'ready'}\n", status=503 if obstacle else 200)


@web.middleware
async def _refuse_foreign_hosts(request: web.Request, handler: _Handler) -> web.StreamResponse:
    if not _is_loopback(request.url.host or ""):
        raise web.HTTPMisdirectedRequest(text="this address answers only to loopback names\n")
    return await handler(request)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
