"""Clients of DNS over HTTPS that flood: requests given up at once, pings, settings, endless fields, shut windows."""

import ssl
import struct
import time
from collections.abc import Callable

from tests.fakes.origin import make_certificate
from tests.faults.load import Stream
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.ours import Dnsfilter
from tests.faults.streams import connect
from tests.faults.usage import resident_megabytes

STREAMS = [Stream("blocked", "blocked.example", 250), Stream("cached", "c#.cached.example", 250, 100)]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAMES = 200
"""How many frames of a flood go out at a time."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return an HTTP/2 frame (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """Return a field that is in no table (RFC 7541 section 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


QUERY = b"/dns-query?dns=EjQBAAABAAAAAAAAB2Jsb2NrZWQHZXhhbXBsZQAAAQAB"
REQUEST = b"".join(
    literal(name, value)
    for name, value in ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"x"), (b":path", QUERY))
)
SHUT = frame(4, 0, 0, struct.pack("!HI", 4, 0))
"""Settings by which nothing may be sent on any stream."""

FLOODS: dict[str, Callable[[int], bytes]] = {
    "rapid reset": lambda number: b"".join(
        frame(1, 5, stream, REQUEST) + frame(3, 0, stream, b"\0\0\0\x08")
        for stream in range(1 + 2 * number, 1 + 2 * (number + FRAMES), 2)
    ),
    "pings": lambda _: frame(6, 0, 0, bytes(8)) * FRAMES,
    "settings": lambda _: frame(4, 0, 0) * FRAMES,
    "continuations": lambda number: (
        (frame(1, 0, 1, b"\x82") if number == 0 else b"") + frame(9, 0, 1, literal(b"a", b"b" * 100) * 100) * FRAMES
    ),
    "shut windows": lambda number: (
        (SHUT if number == 0 else b"")
        + b"".join(frame(1, 5, stream, REQUEST) for stream in range(1 + 2 * number, 1 + 2 * (number + FRAMES), 2))
    ),
}


def flood(port: int, make: Callable[[int], bytes], context: ssl.SSLContext) -> int:
    """Flood over a connection until it ends; return how many frames the server took."""
    sent = 0
    try:
        with context.wrap_socket(connect(port, timeout=2)) as connection:
            connection.sendall(PREFACE + frame(4, 0, 0))
            while sent < FRAMES * FRAMES:
                connection.sendall(make(sent))
                sent += FRAMES
    except OSError:
        return sent
    return sent


def run(trial: Trial) -> list[Measure]:
    """Do one flood after the other, each over connection after connection, while others ask over UDP."""
    server = trial.start(certificate=make_certificate(trial.directory, "dns.example"))
    assert isinstance(server, Dnsfilter)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    trial.warm(server.port, STREAMS)
    for make in FLOODS.values():  # what a process needs for its first connections is not what floods make it need
        flood(server.https_port, make, context)
    before = resident_megabytes(server.pids())
    load = trial.load(server.port, STREAMS)
    connections, worst = 0, 0.0
    for make in FLOODS.values():
        deadline = time.monotonic() + trial.choose(20, 0.5)
        while time.monotonic() < deadline:
            flood(server.https_port, make, context)
            connections += 1
        worst = max(worst, resident_megabytes(server.pids()) - before)
    sample = load.end().of()
    return [
        count("lost by others", sample.lost),
        count("workers that ended", server.place.workers - len(server.processes("worker"))),
        milliseconds("p99 of others", sample.milliseconds(0.99)),
        Measure("memory grew by", round(worst, 1), 30, "MB"),
        count("connections", connections, None),
    ]


ROW = Row(
    "floods",
    "floods over HTTP/2: rapid reset, pings, settings, continuations, shut windows",
    "others lose nothing, memory grows by <= 30 MB",
    run,
    (Dnsfilter.name,),
)
