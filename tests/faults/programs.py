"""The programs in C that faults are made with: compiled once for each place, started, asked."""

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.server import responds
from tests.processes import Processes, Running, free_port, require_program

ECHO = 0xC0000201
"""192.0.2.1, what the upstream says of every name."""

OPTIONS = {"load": (), "upstream": ("-pthread",), "shim": ("-shared", "-fPIC", "-ldl")}


def compile_helper(directory: Path, name: str) -> Path:
    """Return a program made of its source beside this file."""
    program = directory / name
    if not program.exists():
        source = Path(__file__).with_name(f"{name}.c")
        command = [require_program("gcc", "gcc"), "-O2", "-o", str(program), str(source), *OPTIONS[name]]
        subprocess.run(command, check=True)
    return program


def make_query(name: str, identifier: int = 0, qtype: int = 1) -> bytes:
    """Return a query as a stub resolver sends it, without EDNS."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return identifier.to_bytes(2, "big") + bytes.fromhex("01000001000000000000") + labels + bytes([0, 0, qtype, 0, 1])


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream that does what the names it is asked for say."""

    running: Running
    port: int

    @property
    def address(self) -> str:
        """How a configuration names it."""
        return f"127.0.0.1:{self.port}"

    def take_count(self) -> int:
        """Return how often it was asked for names below `once` since the last call."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(60)  # until it has sent what it was asked for before
            client.connect(("127.0.0.1", self.port))
            client.send(make_query("counted"))
            return int.from_bytes(client.recv(512)[-4:], "big")


def start_upstream(processes: Processes, directory: Path, forgeries: int = 0) -> Upstream:
    """Start it; `forgeries` is how many responses it forges for each query below `forged`."""
    port = free_port()
    command = [str(compile_helper(directory, "upstream")), str(port), str(forgeries)]
    return Upstream(processes.start("upstream", command, lambda _: responds(port)), port)


def ask_once(port: int, query: bytes, timeout: float = 2) -> bytes:
    """Return the answer to a datagram, nothing when none comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect(("127.0.0.1", port))
        try:
            client.send(query)
            return client.recv(65535)
        except OSError:
            return b""
