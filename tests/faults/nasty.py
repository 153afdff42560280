"""Messages up to 64 KB that are hard to read, over every transport."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

from tests.fakes.origin import make_certificate
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.ours import Dnsfilter
from tests.faults.programs import ask_once, make_query
from tests.faults.servers import Subject, wait_for
from tests.faults.streams import connect, frame
from tests.faults.usage import busy_milliseconds
from tests.faults.web import ask_over_https

HEADER = struct.Struct("!6H")
LONGEST = 65_535
LONGEST_DATAGRAM = 65_000
OPT = b"\0\0\x29\4\xd0\0\0\0\0"
Send = Callable[[bytes], None]
QUESTION = b"\3www\7example\0\0\1\0\1"
LONG_NAME = b"\1a" * 127 + b"\0"


def make_messages() -> dict[str, bytes]:
    """Return each message by what is wrong with it."""

    def head(questions: int, answers: int = 0, additional: int = 0) -> bytes:
        return HEADER.pack(0x1234, 0x0100, questions, answers, 0, additional)

    pointers = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"
    chain = b"".join(b"\x01a" + (0xC000 | 12 + 4 * index).to_bytes(2, "big") for index in range(3_500))
    options = struct.pack("!HHH", 10, 0, 0)[:4] * 16_000
    labels = bytes(range(256)) * 8
    return {
        "4,000 records, each a pointer to a name of 127 labels": (
            head(1, 4_000) + LONG_NAME + b"\0\1\0\1" + pointers * 4_000
        )[:LONGEST],
        "65,535 questions": head(0xFFFF) + b"\0\0\1\0\1" * 13_000,
        "13,000 pointers as questions": head(0xFFFF) + QUESTION + b"\xc0\x0c\0\1\0\1" * 10_000,
        "a chain of 3,500 pointers": head(1)
        + b"\0"
        + chain
        + (0xC000 | 12 + 4 * 3_499).to_bytes(2, "big")
        + b"\0\1\0\1",
        "pointer to itself": head(1) + b"\xc0\x0c\0\1\0\1",
        "16,000 EDNS options": head(1, 0, 1) + QUESTION + OPT + len(options).to_bytes(2, "big") + options,
        "5,000 OPT records": head(1, 0, 5_000) + QUESTION + (OPT + b"\0\0") * 5_000,
        "a name of 60,000 octets": head(1) + (b"\x3f" + b"x" * 63) * 930 + b"\0\0\1\0\1",
        "labels of all octets": head(1) + b"\x3f" + labels[:63] + b"\x3f" + labels[128:191] + b"\0\0\1\0\1",
        "zeros": head(1) + bytes(60_000),
        "ones": head(1) + b"\xff" * 60_000,
        "60,000 empty additional records": head(1, 0, 0xFFFF) + QUESTION + b"\0\0\1\0\1\0\0\0\0\0\0" * 5_900,
    }


def _send_datagram(port: int, message: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(message[:LONGEST_DATAGRAM], ("127.0.0.1", port))


def _send_framed(port: int, message: bytes, *, secure: bool) -> None:
    with connect(port, secure=secure, timeout=5) as connection:
        connection.sendall(frame(message))
        connection.settimeout(0.3)
        connection.recv(4096)


def find_transports(server: Subject) -> dict[str, Send]:
    """Return how to send one message over each transport that the server has; what comes back does not matter."""
    transports: dict[str, Send] = {
        "UDP": partial(_send_datagram, server.port),
        "TCP": partial(_send_framed, server.port, secure=False),
    }
    if server.tls_port:
        transports["TLS"] = partial(_send_framed, server.tls_port, secure=True)
    if isinstance(server, Dnsfilter) and server.tls_port:
        for method in ("GET", "POST"):
            for name, alpn in (("HTTP/1.1", "http/1.1"), ("HTTP/2", "h2")):
                send = partial(ask_over_https, server.https_port, method=method, alpn=alpn)
                transports[f"{method} over {name}"] = send
    return transports


def measure(server: Subject, send: Send, message: bytes, repeats: int) -> float:
    """Return the processor time that one message costs, in milliseconds."""
    before = busy_milliseconds(server.pids())
    for _ in range(repeats):
        with contextlib.suppress(OSError):
            send(message)
    ask_once(server.port, make_query("blocked.example"))
    time.sleep(0.05)
    return (busy_milliseconds(server.pids()) - before) / repeats


def run(trial: Trial) -> list[Measure]:
    """Send every message over every transport that the server has."""
    certificate = make_certificate(trial.directory, "dns.example")
    server = trial.start(certificate=certificate, workers=1) if trial.server != "dnsmasq" else trial.start(workers=1)
    before = server.pids()
    repeats = trial.choose(10, 2)
    costs: dict[tuple[str, str], float] = {}
    for transport, send in find_transports(server).items():
        quiet = measure(server, send, make_query("blocked.example"), repeats)
        for what, message in make_messages().items():
            costs[transport, what] = max(0.0, measure(server, send, message, repeats) - quiet)
    wait_for(server.is_ready, 5)
    (transport, what), dearest = max(costs.items(), key=lambda item: item[1])
    log = "".join(path.read_text(errors="replace") for path in trial.directory.glob("*.log"))
    return [
        milliseconds(f"dearest ({what}, {transport}): CPU", dearest, 20),
        count("processes that ended", len(set(before) - set(server.pids()))),
        count("exceptions", log.count("Traceback") + log.count("unexpected")),
        count("messages", len(costs), None),
    ]


ROW = Row(
    "nasty",
    "any message up to 64 KB, over any transport",
    "<= 20 ms CPU, no exception but the parser's own",
    run,
)
