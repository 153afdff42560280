"""The public suffix list."""

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from dnsfilter.blocklist.suffixes import Sharing, parse_public_suffixes

PUBLISHED = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
SUFFIXES = parse_public_suffixes(PUBLISHED)
OTHER = PublicSuffixList(accept_unknown=False)


@pytest.mark.parametrize(
    ("name", "sharing"),
    [
        ("com", Sharing.REGISTRY),
        ("co.uk", Sharing.REGISTRY),
        ("bbc.co.uk", None),
        ("anything.ck", Sharing.REGISTRY),
        ("www.ck", None),
        ("xn--p1ai", Sharing.REGISTRY),
        ("github.io", Sharing.HOST),
        ("cloudfront.net", Sharing.HOST),
        ("tiktok.com", None),
    ],
)
def test_who_shares_a_suffix(name, sharing):
    """Registries and hosts are told apart; wildcards count, their exceptions do not."""
    assert SUFFIXES.find(name) is sharing


@given(
    st.sampled_from([line.split()[0] for line in PUBLISHED.splitlines() if line and line[0] not in "/!*"]),
    st.booleans(),
)
def test_agrees_with_the_package(rule, is_below):
    """For every published rule, and a name below it, the package that ships the list says the same."""
    name = (f"zq7.{rule}" if is_below else rule).encode("idna").decode() if rule.isascii() else None
    if name:
        assert (SUFFIXES.find(name) is not None) == OTHER.is_public(name)
