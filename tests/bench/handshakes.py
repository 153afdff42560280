"""Load for proxies with real TLS: a thread for each connection that is open at a time, and a server behind.

Costs more than a proxy does: good for the proxy's price per connection, not for how many of them it takes.
"""

import resource
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fakes.origin import BODY, Origin, make_certificate

NAME = "www.example.org"
_REQUEST = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % NAME.encode()


def make_load(directory: Path) -> Callable[[int, int, int], Mapping[str, float]]:
    """Return a function that sends so many connections through a proxy's port, so many at a time."""
    certificate = make_certificate(directory, NAME)
    context = ssl.create_default_context(cafile=str(certificate))

    def send(proxy: int, connections: int, concurrency: int) -> Mapping[str, float]:
        before, started = _cpu(), time.monotonic()
        with Origin(certificate) as origin, ThreadPoolExecutor(concurrency) as pool:
            durations = sorted(pool.map(lambda _: fetch(proxy, origin.port, context), range(connections)))
        seconds = time.monotonic() - started
        failures = durations.count(0.0)
        return {"failures": failures, "seconds": seconds, "cpu": _cpu() - before, "p99": durations[-connections // 100]}

    return send


def fetch(proxy: int, origin: int, context: ssl.SSLContext) -> float:
    """Fetch once; return how many seconds that took, 0 when it failed."""
    started = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", proxy), 20) as sock:
            sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin, origin))
            if not sock.recv(4096).startswith(b"HTTP/1.1 200"):
                return 0.0
            with context.wrap_socket(sock, server_hostname=NAME) as tls:
                tls.sendall(_REQUEST)
                return time.monotonic() - started if tls.makefile("rb").read().endswith(BODY) else 0.0
    except OSError:
        return 0.0


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
