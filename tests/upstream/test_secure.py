"""Whom an upstream's certificate must satisfy; that it does is proven with the connections of `stream`."""

import asyncio
import ssl
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from dnsfilter.errors import InputError
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream.secure import Identity, check_trust, load_trust, pin_of
from tests.fakes.asking import Asking, Question
from tests.fakes.origin import make_certificate
from tests.fakes.secure import SecureUpstream

SERVERS = ("tls://192.0.2.55#dns.example",)


def test_certificates_are_verified(tmp_path: Path) -> None:
    """A context verifies chain and name; one file replaces the system's store instead of adding to it."""
    context = load_trust(Identity("dns.example", str(make_certificate(tmp_path, "dns.example"))), "dot")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509"] == 1
    assert load_trust(Identity("dns.example", None), "dot").verify_mode is ssl.CERT_REQUIRED


def test_every_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file that is missing, or holds no certificate, is one problem with the key that names it."""
    good, empty = make_certificate(tmp_path, "dns.example"), tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    files = [str(good), str(empty), str(tmp_path / "missing.pem"), None]
    with pytest.raises(InputError) as caught:
        check_trust(tuple(Upstream(servers=SERVERS, ca=file) for file in files))
    first, second = caught.value.problems
    assert (first.key, second.key) == ("upstreams[1].ca", "upstreams[2].ca")
    assert first.message.startswith(f"{empty}: ")
    assert second.message == f"{tmp_path / 'missing.pem'}: no such file"


def test_what_can_be_used_is_no_problem(tmp_path: Path) -> None:
    """A good file, and none, are fine."""
    check_trust((Upstream(servers=SERVERS, ca=str(make_certificate(tmp_path, "a.example"))), Upstream(servers=SERVERS)))


PIN, OTHER_PIN = "the server's", "sha256/" + "A" * 43 + "="


@pytest.mark.parametrize("alpn", ["dot", "h2"])
@pytest.mark.parametrize(
    ("hostname", "is_trusted", "pins", "answers"),
    [
        ("dns.example", True, (OTHER_PIN, PIN), 1),
        ("dns.example", True, (OTHER_PIN,), 0),
        ("dns.example", False, (PIN,), 0),
        ("other.example", True, (PIN,), 0),
        ("", False, (PIN,), 1),
        ("", False, (OTHER_PIN,), 0),
        ("", False, (), 0),
    ],
)
def test_pins(
    tmp_path: Path, alpn: str, hostname: str, pins: tuple[str, ...], answers: int, *, is_trusted: bool
) -> None:
    """A pinned key is required beside certificate and name; without a name it is all that counts (RFC 7858, 4.2)."""
    certificate = make_certificate(tmp_path, "dns.example")
    chosen = tuple(pin_of(to_der(certificate)) if each is PIN else each for each in pins)

    async def test() -> None:
        with SecureUpstream(certificate, alpn) as server:
            asking = Asking(server, certificate if is_trusted else None, hostname, chosen)
            await asking.resolve(Question())
            assert len(asking.answers) == answers
            assert len(server.queries) == answers
            asking.upstream.close()

    asyncio.run(test())


def to_der(certificate: Path) -> bytes:
    return load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)


def test_a_pin_is_what_openssl_says(tmp_path: Path) -> None:
    """The pin of a certificate is the base64 of the SHA-256 of its key, as the documentation has openssl reckon it."""
    certificate = make_certificate(tmp_path, "dns.example")
    shown = certificate.read_bytes()
    for command in ("x509 -pubkey -noout", "pkey -pubin -outform der", "dgst -sha256 -binary"):
        shown = subprocess.run(["openssl", *command.split()], input=shown, capture_output=True, check=True).stdout
    assert pin_of(to_der(certificate)) == f"sha256/{b64encode(shown).decode()}"
