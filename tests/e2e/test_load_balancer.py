"""Behind a real dnsdist that says who asks: its clients are served or refused by their own addresses."""

import socket
from pathlib import Path

import pytest

from tests.e2e.dig import dig
from tests.e2e.server import SINKHOLE_IPV4
from tests.fakes.proxying import make_header
from tests.fakes.resolving import make_query
from tests.processes import Processes, free_port, require_program

LISTED = "www.tiktok.com"
PROXY, SERVED, STRANGER = "127.0.0.9", "127.0.0.5", "127.0.0.6"
SETTINGS = {"listen": {"proxy_protocol": [f"{PROXY}/32"]}, "allow_clients": ["127.0.0.1/32", f"{SERVED}/32"]}


def start_dnsdist(processes: Processes, directory: Path, backend: int, *, is_tcp: bool) -> int:
    """Start a dnsdist in front of a port; return its own."""
    port, configuration = free_port(), directory / "dnsdist.conf"
    options = f'source="{PROXY}", useProxyProtocol=true, healthCheckMode="up", tcpOnly={str(is_tcp).lower()}'
    configuration.write_text(
        f'setLocal("127.0.0.1:{port}")\nsetACL("127.0.0.0/8")\nnewServer{{address="127.0.0.1:{backend}", {options}}}\n'
    )
    command = [require_program("dnsdist", "dnsdist"), "--supervised", "--disable-syslog", "-C", str(configuration)]
    processes.start("dnsdist", command, lambda _: dig(port, LISTED, timeout=1).status)
    return port


@pytest.mark.parametrize("is_tcp", [False, True], ids=["udp", "tcp"])
def test_clients_of_a_load_balancer(start, processes, tmp_path, is_tcp):
    """A client of dnsdist that is served gets the sinkhole, over UDP and TCP, and one that is not is refused."""
    server = start(**SETTINGS)
    port = start_dnsdist(processes, tmp_path, server.port, is_tcp=is_tcp)
    for options in ((), ("+tcp",)):
        for _ in range(3):
            assert dig(port, LISTED, "-b", SERVED, *options).rdata("A") == [SINKHOLE_IPV4]
            assert dig(port, LISTED, "-b", STRANGER, *options).status == "REFUSED"


def test_headers_of_others(start):
    """A load balancer without a header gets no answer, nor does a header of anybody else."""
    server = start(**SETTINGS)
    assert dig(server.port, LISTED, "-b", PROXY, timeout=1).status == ""
    assert dig(server.port, LISTED, "+tcp", "-b", PROXY, timeout=1).status == ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", server.port))
        client.send(make_header(SERVED, transport=2) + make_query(LISTED))
        with pytest.raises(TimeoutError):
            client.recv(4096)
    assert dig(server.port, LISTED).rdata("A") == [SINKHOLE_IPV4]
