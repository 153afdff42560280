"""DNS over HTTPS with the clients that people have: kdig, curl, h2load."""

import re
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tests.fakes.origin import make_certificate
from tests.fakes.resolving import make_query
from tests.processes import free_port, require_program, wait_until

LISTED = "api16-normal-c-useast1a.tiktokv.com"
PATH = f"/dns-query?dns={urlsafe_b64encode(make_query(LISTED)).decode().rstrip('=')}"
BURST = 5000


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path, "dns.example")


@pytest.fixture
def port(start, certificate) -> int:
    port = free_port()
    files = {"chain": str(certificate), "key": str(certificate)}
    settings = {"https": [f"127.0.0.1:{port}"], "certificate": files}
    server = start(listen=settings, rate_limit={"per_client_qps": 0})
    start.server = server
    return port


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.mark.parametrize("option", ["+https", "+https-get"])
def test_kdig(port, certificate, option):
    """A client that checks the certificate gets the sinkhole's answer in a padded response, by POST and GET."""
    kdig = [require_program("kdig", "knot-dnsutils"), "@127.0.0.1", "-p", str(port), option, f"+tls-ca={certificate}"]
    answer = run(*kdig, "+tls-hostname=dns.example", "+padding", "+retry=0", LISTED)
    assert "HTTP/2" in answer
    assert "status: 200" in answer
    assert f"{LISTED}. 10" in answer
    assert "Received 468 B" in answer


@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_curl(port, certificate, option, version):
    """Both versions of HTTP give the same response, and the right status to a wrong path."""
    curl = [require_program("curl", "curl"), "-s", option, "--cacert", str(certificate), "-o", "/dev/null"]
    curl += ["--resolve", f"dns.example:{port}:127.0.0.1", "-w", "%{http_version} %{http_code} %{content_type}"]
    assert run(*curl, f"https://dns.example:{port}{PATH}") == f"{version} 200 application/dns-message"
    assert run(*curl, f"https://dns.example:{port}/").startswith(f"{version} 404")


def test_h2load(port, start):
    """A burst over twenty connections is answered to the last request, and counted."""
    h2load = [require_program("h2load", "nghttp2-client"), "-n", str(BURST), "-c", "20", "-m", "5"]
    assert f"{BURST} succeeded, 0 failed" in re.sub(" +", " ", run(*h2load, f"https://127.0.0.1:{port}{PATH}"))
    metric = start.server.metric
    wait_until(lambda: metric("dnsfilter_queries_total", transport="https") >= BURST, "the queries are counted", 10)


def test_clients_find_it_by_themselves(start, certificate):
    """Over plain DNS a resolver with a name tells where it answers over HTTPS (RFC 9462), and nothing beside it."""
    port = free_port()
    files = {"chain": str(certificate), "key": str(certificate)}
    server = start(listen={"https": [f"127.0.0.1:{port}"], "certificate": files, "name": "dns.example"})
    kdig = [require_program("kdig", "knot-dnsutils"), "@127.0.0.1", "-p", str(server.port), "+retry=0", "+short"]
    answer = run(*kdig, "_dns.resolver.arpa", "SVCB")
    assert answer.split() == ["1", "dns.example.", "alpn=h2", f"port={port}", 'key7="/dns-query{?dns}"']
    assert run(*kdig, "resolver.arpa", "SVCB") == ""
