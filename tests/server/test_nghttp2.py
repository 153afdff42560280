"""The library of HTTP/2, as far as its twin `http2` does not show it."""

import pytest

from dnsfilter.errors import InputError
from dnsfilter.server import nghttp2


def test_a_machine_without_the_library(monkeypatch):
    """The error names the key that needs it, the file and the package."""
    nghttp2.load_library.cache_clear()
    monkeypatch.setattr(nghttp2, "FILE_NAME", "libabsent.so.14")
    with pytest.raises(InputError, match=r"listen\.https: needs libabsent\.so\.14.*libnghttp2-14"):
        nghttp2.load_library()
