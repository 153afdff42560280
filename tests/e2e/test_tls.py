"""DNS over TLS with a real kdig: trust, names, padding, and the certificate changed while running."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.origin import make_certificate
from tests.processes import free_port, require_program, wait_until

LISTED = "api16-normal-c-useast1a.tiktokv.com"


def kdig(port: int, trusted: Path, hostname: str) -> str:
    """Ask for a listed name over TLS, trusting one certificate and one name."""
    command = [require_program("kdig", "knot-dnsutils"), "@127.0.0.1", "-p", str(port), "+tls", f"+tls-ca={trusted}"]
    command += [f"+tls-hostname={hostname}", "+padding", "+retry=0", LISTED]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path, "dns.example")


def test_sinkholes_over_tls(start, certificate):
    """A client that checks the certificate gets the sinkhole's answer in a padded response."""
    port = free_port()
    files = {"chain": str(certificate), "key": str(certificate)}
    server = start(listen={"tls": [f"127.0.0.1:{port}"], "certificate": files})
    answer = kdig(port, certificate, "dns.example")
    assert "TLS session" in answer
    assert f"{LISTED}. 10" in answer
    assert "Received 468 B" in answer
    assert "A" not in kdig(port, certificate, "other.example").partition("ANSWER SECTION")[2]
    wait_until(lambda: server.metric("dnsfilter_queries_total", transport="tls") >= 1, "the query is counted", 10)


def test_a_new_certificate_without_a_restart(start, certificate, tmp_path):
    """After SIGHUP new connections get the new certificate."""
    port = free_port()
    files = {"chain": str(certificate), "key": str(certificate)}
    server = start(listen={"tls": [f"127.0.0.1:{port}"], "certificate": files})
    assert LISTED in kdig(port, certificate, "dns.example")
    make_certificate(tmp_path, "new.example")
    server.running.send(signal.SIGHUP)
    wait_until(lambda: f"{LISTED}. 10" in kdig(port, certificate, "new.example"), "the new certificate is used", 20)
