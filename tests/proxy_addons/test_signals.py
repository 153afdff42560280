"""What mitmproxy sees that is no name."""

import pytest
from mitmproxy.http import Headers
from mitmproxy.test import tutils

from proxy_addons.signals import is_distrust, speaks_dns


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("content-type", "application/dns-message", True),
        ("accept", "text/html, Application/DNS-Message;q=0.9", True),
        ("accept", "*/*", False),
        ("content-type", "application/dns-json", False),
    ],
)
def test_knows_dns_over_https(field: str, text: str, *, expected: bool) -> None:
    """The media type of RFC 8484 tells, in a question by POST and in one by GET."""
    assert speaks_dns(tutils.treq(headers=Headers([(field.encode(), text.encode())]))) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("tlsv1 alert unknown ca", True),
        ("OpenSSL Error([('SSL routines', '', 'sslv3 alert certificate unknown')])", True),
        ("ssl/tls alert bad certificate", True),
        ("connection closed", False),
        ("OpenSSL Error([('SSL routines', '', 'unsupported protocol')])", False),
        (None, False),
    ],
)
def test_distrust_is_an_alert(error: str | None, *, expected: bool) -> None:
    """A client that says it does not want the certificate; one that just went away, or is too old, proves nothing."""
    assert is_distrust(error) is expected
