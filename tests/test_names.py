"""Domain names as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.names import canonical, canonical_pattern, is_within, is_within_any, pattern_parent


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("www.tiktok.com", "www.tiktok.com"),
        ("WWW.TikTok.COM.", "www.tiktok.com"),
        ("com", "com"),
        ("_dns.resolver.arpa", "_dns.resolver.arpa"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("_dmarc.bücher.example", "_dmarc.xn--bcher-kva.example"),
        ("日本。jp。", "xn--wgv71a.jp"),
        ("\uff54\uff49\uff4b\uff54\uff4f\uff4b\uff0ecom", "tiktok.com"),
        ("a." * 126 + "b", "a." * 126 + "b"),
    ],
)
def test_canonical(text, name):
    """Case, the final dot, other scripts and other dots lead to one form."""
    assert canonical(text) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at least one label"),
        (".", "at least one label"),
        ("a..example", "empty label"),
        (".a.example", "empty label"),
        ("a.example..", "empty label"),
        ("a" * 64 + ".example", "longer than 63"),
        ("a." * 126 + "bb", "at most 253"),
        ("ü" * 1_000_000, "at most 253"),
        ("a b.example", "character that a host name cannot have"),
        ("a*.example", "character that a host name cannot have"),
        ("a\0.example", "character that a host name cannot have"),
        ("a\nb.example", "character that a host name cannot have"),
        ("a\u200db.example", "not a valid internationalised name"),
        ("\ud800.example", "not a valid internationalised name"),
    ],
)
def test_what_is_no_name(text, reason):
    """A text that is no name says why, shortly."""
    with pytest.raises(ValueError, match=reason) as refusal:
        canonical(text)
    assert len(str(refusal.value)) < 1000


@given(st.text())
def test_canonical_is_final(text):
    """Whatever the text, there is one canonical form, which is its own, or ValueError."""
    try:
        name = canonical(text)
    except ValueError:
        return
    assert canonical(name) == name
    assert name.isascii()
    assert len(name) <= 253
    assert all(0 < len(label) <= 63 for label in name.split("."))


def test_canonical_pattern():
    """A pattern has the canonical form of a name and keeps its stars."""
    assert canonical_pattern("API*.TikTokV.com.") == "api*.tiktokv.com"
    assert canonical_pattern("*quic-*proxy*.byteglb.com") == "*quic-*proxy*.byteglb.com"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.tiktokv.com", "write it as exact or suffix"),
        ("*.com", "at least two labels"),
        ("a.*.com", "at least two labels"),
        ("a.b.c*", "at least two labels"),
        ("*", "at least two labels"),
        ("", "invalid label"),
        ("*..com", "invalid label"),
        ("ü*.example.com", "invalid label"),
    ],
)
def test_what_is_no_pattern(text, reason):
    """A pattern that is none, or that covers a whole registry, says so."""
    with pytest.raises(ValueError, match=reason):
        canonical_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "parent"),
    [("api*.tiktokv.com", "tiktokv.com"), ("*.a*.com.cdn.net", "com.cdn.net"), ("a*b.c.x.org", "c.x.org")],
)
def test_pattern_parent(pattern, parent):
    """The parent is what follows the last label with a star."""
    assert pattern_parent(pattern) == parent


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("a.example", "a.example", True),
        ("b.a.example", "a.example", True),
        ("ba.example", "a.example", False),
        ("example", "a.example", False),
    ],
)
def test_is_within(name, suffix, expected):
    """A suffix ends at a label."""
    assert is_within(name, suffix) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("corp.example", True), ("a.b.corp.example", True), ("xcorp.example", False), ("example", False), ("", False)],
)
def test_is_within_any(name, expected):
    """Whether one of the suffixes is the name or above it, label by label."""
    assert is_within_any(name, {"corp.example", "lab.test"}) is expected
