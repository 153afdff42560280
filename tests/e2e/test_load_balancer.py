"""Behind a real dnsdist that says who asks: its clients are served or refused by their own addresses."""

import socket
import ssl
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.e2e.dig import dig
from tests.e2e.server import SINKHOLE_IPV4
from tests.fakes.origin import make_certificate
from tests.fakes.proxying import make_header
from tests.fakes.resolving import addresses_in, make_query, rcode_of
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


def fetch(port: int, certificate: Path, header: bytes, source: str = PROXY) -> tuple[bytes, bytes]:
    """Return status and body of a DoH request behind a PROXY header, which stands before TLS; else nothing."""
    context = ssl.create_default_context(cafile=str(certificate))
    query = urlsafe_b64encode(make_query(LISTED)).rstrip(b"=")
    try:
        with socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as plain:
            plain.sendall(header)
            with context.wrap_socket(plain, server_hostname="dns.example") as connection:
                connection.sendall(b"GET /dns-query?dns=" + query + b" HTTP/1.1\r\nHost: dns.example\r\n\r\n")
                head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
                return head[: len("HTTP/1.1 200")], body
    except OSError:
        return b"", b""


def test_https_behind_a_load_balancer(start, tmp_path):
    """Over HTTPS the header comes before the handshake: its client is served or refused; without it nobody is."""
    certificate, port = make_certificate(tmp_path, "dns.example"), free_port()
    files = {"chain": str(certificate), "key": str(certificate)}
    listen = {**SETTINGS["listen"], "https": [f"127.0.0.1:{port}"], "certificate": files}
    start(**{**SETTINGS, "listen": listen})
    status, body = fetch(port, certificate, make_header(SERVED))
    assert (status, addresses_in(body)) == (b"HTTP/1.1 200", [SINKHOLE_IPV4])
    status, body = fetch(port, certificate, make_header(STRANGER))
    assert (status, rcode_of(body)) == (b"HTTP/1.1 200", 5)
    assert fetch(port, certificate, b"") == (b"", b"")
    assert fetch(port, certificate, make_header(SERVED), "127.0.0.1") == (b"", b"")
    status, body = fetch(port, certificate, b"", "127.0.0.1")
    assert (status, addresses_in(body)) == (b"HTTP/1.1 200", [SINKHOLE_IPV4])
