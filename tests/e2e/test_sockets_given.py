"""Sockets that systemd opens: by its own tool, and as it would hand them over, to several workers under load."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import ENVIRONMENT, complete, default_settings, responds
from tests.processes import Processes, Running, accepts_connections, children, command_line, free_port, wait_until

HAND_OVER = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "dnsfilter", "serve", "-c", sys.argv[1]])
"""
FIRST = 3
CLEAR = 100


def write(directory: Path, port: int, **settings: object) -> Path:
    """Write a configuration that listens on a port."""
    whole = complete({**default_settings("127.0.0.1:9"), **settings}, directory)
    whole["listen"] |= {"dns": [f"127.0.0.1:{port}"]}
    file = directory / "dnsfilter.yaml"
    file.write_text(json.dumps(whole))
    return file


def give(processes: Processes, file: Path, sockets: list[socket.socket], ready: Callable[[Running], object]) -> Running:
    """Start `dnsfilter serve` as systemd does, with sockets from descriptor 3 on."""
    numbers = " ".join(f"{FIRST + index}<&{sock.fileno()}" for index, sock in enumerate(sockets))
    script = f'exec "$0" "$@" {numbers}'
    command = ["bash", "-c", script, sys.executable, "-c", HAND_OVER, str(file)]
    environment = {**ENVIRONMENT, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(["dns"] * len(sockets))}
    descriptors = [sock.fileno() for sock in sockets]
    return processes.start("serve", command, ready, environment=environment, descriptors=descriptors)


def bind(kind: socket.SocketKind, port: int) -> socket.socket:
    """Return a socket that stands clear of the descriptors that are to be given."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", port))
    moved = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, CLEAR))
    sock.close()
    if kind == socket.SOCK_STREAM:
        moved.listen()
    return moved


def test_workers_share_them_under_load(
    processes: Processes, tmp_path: Path, require_program: Callable[[str, str], str]
) -> None:
    """Three workers answer on one UDP and one TCP socket, lose nothing, and go on when one of them is restarted."""
    dnsperf = require_program("dnsperf", "dnsperf")
    port = free_port()
    sockets = [bind(socket.SOCK_DGRAM, port), bind(socket.SOCK_STREAM, port)]
    running = give(processes, write(tmp_path, port, workers=3), sockets, lambda running: "state in" in running.output)
    for sock in sockets:
        sock.close()
    (tmp_path / "names").write_text("".join(f"n{index}.tiktok.com A\n" for index in range(100)))
    for mode in ("udp", "tcp"):
        command = [dnsperf, "-s", "127.0.0.1", "-p", str(port), "-m", mode, "-d", str(tmp_path / "names")]
        load = subprocess.Popen([*command, "-Q", "2000", "-l", "3", "-c", "8"], stdout=subprocess.PIPE, text=True)
        workers = [pid for pid in children(running.pid) if "process.worker" in command_line(pid)]
        assert len(workers) == 3
        if mode == "udp":
            os.kill(workers[0], 15)
        output, _ = load.communicate(timeout=30)
        assert "Queries lost:         0 (0.00%)" in output
        assert "NOERROR" in output
        if mode == "udp":
            first = Path(f"/proc/{workers[0]}")
            wait_until(lambda first=first: not first.exists(), "it is gone")  # type: ignore[misc]
    assert running.stop() == 0


def test_what_is_not_configured_is_refused(processes: Processes, tmp_path: Path) -> None:
    """A socket for which there is no key ends the start with one line."""
    port, other = free_port(), free_port()
    running = give(
        processes, write(tmp_path, port), [bind(socket.SOCK_STREAM, other)], lambda running: not running.is_alive
    )
    assert running.process.wait(5) == 2
    assert running.output.splitlines() == [
        f"socket given by systemd: 127.0.0.1:{other} (TCP): no key of listen names it"
    ]


@pytest.mark.parametrize("name", ["dns", "tls"])
def test_systemds_own_tool(
    processes: Processes, tmp_path: Path, require_program: Callable[[str, str], str], name: str
) -> None:
    """Whoever `systemd-socket-activate` starts serves on what it was given, encrypted where that is its name."""
    program = require_program("systemd-socket-activate", "systemd")
    port, plain = free_port(), free_port()
    certificate = tmp_path / "certificate.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=dns.example -days 2 -keyout FILE -out FILE"
    subprocess.run(words.replace("FILE", str(certificate)).split(), check=True, capture_output=True)
    file = write(tmp_path, plain)
    settings = json.loads(file.read_text())
    files = {"chain": str(certificate), "key": str(certificate)}
    settings["listen"] |= {name: [f"127.0.0.1:{port}"], "certificate": files}
    file.write_text(json.dumps(settings))
    serve = [sys.executable, "-m", "dnsfilter", "serve", "-c", str(file)]
    command = [program, f"--listen=127.0.0.1:{port}", f"--fdname={name}"]
    command += [word for key, value in ENVIRONMENT.items() for word in ("-E", f"{key}={value}")]
    running = processes.start("activated", [*command, *serve], lambda running: "Listening on" in running.output)
    assert accepts_connections(port)
    wait_until(lambda: "state in" in running.output, "it serves")
    kdig = require_program("kdig", "knot-dnsutils")
    mode = ["+tls"] if name == "tls" else ["+tcp"]
    done = subprocess.run(
        [kdig, *mode, "@127.0.0.1", "-p", str(port), "www.tiktok.com"], capture_output=True, text=True, check=False
    )
    assert "192.0.2.66" in done.stdout
    assert responds(plain if name == "tls" else port)
    assert running.stop() == 0
