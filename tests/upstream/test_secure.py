"""Whom an upstream's certificate must satisfy; that it does is proven with the connections of `stream`."""

import ssl
from pathlib import Path

import pytest

from dnsfilter.errors import InputError
from dnsfilter.settings.resolver import Upstream
from dnsfilter.upstream.secure import Identity, check_trust, load_trust
from tests.fakes.origin import make_certificate

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
