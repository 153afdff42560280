"""Service binding records, byte for byte."""

import pytest

from dnsfilter.wire.service import DOT, HTTP_2, build_service

HEAD = b"\xc0\x0c\0\x40\0\1\0\0\1\x2c"


@pytest.mark.parametrize(
    ("protocol", "port", "path", "parameters"),
    [
        (DOT, 853, "", b"\0\1\0\4\x03dot\0\3\0\2\x03\x55"),
        (HTTP_2, 443, "/q{?dns}", b"\0\1\0\3\x02h2\0\3\0\2\x01\xbb\0\7\0\x08/q{?dns}"),
    ],
)
def test_table(protocol, port, path, parameters):
    """Priority and target, then the parameters in the order of their keys (RFC 9460 section 2.2)."""
    data = b"\0\1\x03dns\0" + parameters
    assert build_service("dns", 1, protocol, port, path, 300) == HEAD + bytes([0, len(data)]) + data
