"""Addresses and MACs in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.addresses import parse_address, parse_mac


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_addresses_have_one_form(text: str, expected: str) -> None:
    """An address means the same in every notation, an IPv4-mapped one its IPv4 address."""
    assert str(parse_address(text)) == expected


@pytest.mark.parametrize("text", ["02:00:5E:00:53:0a", "02-00-5e-00-53-0A", "0200.5e00.530a", "02005e00530a"])
def test_macs_have_one_form(text: str) -> None:
    """A MAC means the same in every usual notation."""
    assert parse_mac(text) == "02:00:5e:00:53:0a"


@given(st.text(max_size=40))
def test_other_text_is_refused(text: str) -> None:
    """Any text either parses or raises ValueError and nothing else."""
    for parse in (parse_address, parse_mac):
        try:
            result = parse(text)
        except ValueError:
            continue
        assert parse(str(result)) == result
