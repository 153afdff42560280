"""A web server on loopback that hands out lists, remembers who came, and knows what is still current."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self


class ListServer:
    """One server; `pages` are its files, one that is missing is 404, `hits` the paths asked for with the status."""

    def __init__(self, **pages: str) -> None:
        self.pages = pages
        self.hits: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def url(self, name: str) -> str:
        """Return the address of a page."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.strip("/")
                text = house.pages.get(name)
                tag = f'"{hash(text)}"'
                status = 404 if text is None else 304 if self.headers["If-None-Match"] == tag else 200
                house.hits.append((name, status))
                body = (text or "").encode() if status == 200 else b""
                self.send_response(status)
                self.send_header("ETag", tag)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
