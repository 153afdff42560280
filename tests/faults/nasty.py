"""Messages up to 64 KB that are hard to read, over every transport."""

import socket
import struct
import time

from tests.fakes.origin import make_certificate
from tests.faults.measures import Measure, Row, Trial, count, milliseconds
from tests.faults.programs import ask_once, make_query
from tests.faults.servers import Subject, wait_for
from tests.faults.streams import connect, frame
from tests.faults.usage import busy_milliseconds

HEADER = struct.Struct("!6H")
LONGEST = 65_535
LONGEST_DATAGRAM = 65_000
OPT = b"\0\0\x29\4\xd0\0\0\0\0"
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


def send(server: Subject, transport: str, message: bytes) -> None:
    """Send one message; what comes back does not matter."""
    if transport == "UDP":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(message[:LONGEST_DATAGRAM], ("127.0.0.1", server.port))
        return
    port = server.port if transport == "TCP" else server.tls_port
    try:
        with connect(port, secure=transport == "TLS", timeout=5) as connection:
            connection.sendall(frame(message))
            connection.settimeout(0.3)
            connection.recv(4096)
    except OSError:
        return


def measure(server: Subject, transport: str, message: bytes, repeats: int) -> float:
    """Return the processor time that one message costs, less what the same costs with a query in its place."""

    def spend(content: bytes) -> float:
        before = busy_milliseconds(server.pids())
        for _ in range(repeats):
            send(server, transport, content)
        ask_once(server.port, make_query("blocked.example"))
        time.sleep(0.05)
        return busy_milliseconds(server.pids()) - before

    quiet = spend(make_query("blocked.example"))
    return max(0.0, spend(message) - quiet) / repeats


def run(trial: Trial) -> list[Measure]:
    """Send every message over every transport that the server has."""
    certificate = make_certificate(trial.directory, "dns.example")
    server = trial.start(certificate=certificate, workers=1) if trial.server != "dnsmasq" else trial.start(workers=1)
    before = server.pids()
    transports = ("UDP", "TCP", "TLS") if server.tls_port else ("UDP", "TCP")
    costs = {
        (transport, what): measure(server, transport, message, trial.choose(10, 2))
        for transport in transports
        for what, message in make_messages().items()
    }
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
