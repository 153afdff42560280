"""What is spoken to clients inside TLS is no older than it may be."""

import ssl
from pathlib import Path

from dnsfilter.server.tls import load_certificate
from dnsfilter.settings.resolver import Certificate
from tests.fakes.origin import make_certificate


def test_old_tls_is_refused(tmp_path: Path) -> None:
    """RFC 9325 section 3.1.1: nothing older than TLS 1.2, and no compression."""
    file = str(make_certificate(tmp_path, "dns.example"))
    context = load_certificate(Certificate(chain=file, key=file))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
