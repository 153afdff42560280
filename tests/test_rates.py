"""Token buckets: rates that hold for clients and for their prefixes, in tables that stay small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.rates import CHUNK, Rates, Recent, prefix_of
from dnsfilter.settings.resolver import RateLimit


def make(**settings) -> Rates:
    return Rates(RateLimit.model_validate(settings), 100)


@pytest.mark.parametrize(
    ("address", "length", "prefix"),
    [
        ("0a010203", 24, "0a0102"),
        ("0a010203", 8, "0a"),
        ("0a01ff03", 20, "0a01f0"),
        ("0a0102ff", 31, "0a0102fe"),
        ("0a010203", 32, "0a010203"),
        ("20010db8aabbccdd0000000000000001", 56, "20010db8aabbcc"),
        ("20010db8aabbccdd0000000000000001", 60, "20010db8aabbccd0"),
    ],
)
def test_prefixes(address, length, prefix):
    """A prefix is the first bits of an address, whatever the rest."""
    key = prefix_of(bytes.fromhex(address), length)
    assert key[:-1] == bytes.fromhex(prefix)


def test_families_do_not_share():
    """An IPv4 prefix and an IPv6 prefix of the same octets are two."""
    assert prefix_of(bytes(4), 24) != prefix_of(bytes(16), 24)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200)), min_size=1, max_size=300))
def test_no_prefix_gets_more_than_its_rate(steps):
    """Whatever its clients do in whatever order, a prefix gets at most its burst and its rate, and a client its own."""
    rates = make(per_client_qps=50, burst=100, per_prefix_qps=100)
    buckets = [rates.open_client(0.0) for _ in range(6)]
    granted, now = [0.0] * 6, 0.0
    prefix = rates.find_prefix(bytes(4), 0.0)
    for client, pause in steps:
        now += pause / 1000
        grant = rates.grant(buckets[client], prefix, now)
        assert grant <= CHUNK
        granted[client] += grant if grant >= 1 else 0
        assert sum(granted) <= 200 + now * 100 + 0.001
        assert granted[client] <= 100 + now * 50 + 0.001


def test_who_is_quiet_holds_back_little():
    """A client that asked once and went away keeps less than a chunk of its prefix's tokens from the others."""
    rates = make(per_client_qps=1000, burst=2000, per_prefix_qps=1000)
    prefix = rates.find_prefix(bytes(4), 0.0)
    rates.grant(rates.open_client(0.0), prefix, 0.0)
    busy, got = rates.open_client(0.0), 0.0
    while (grant := rates.grant(busy, prefix, 0.0)) >= 1:
        got += grant
    assert got >= 2000 - CHUNK


def test_a_prefix_is_found_again():
    """Addresses of one prefix have one bucket, those of another another; without a limit there is none."""
    rates = make()
    assert rates.find_prefix(b"\x0a\1\2\3", 0.0) is rates.find_prefix(b"\x0a\1\2\4", 9.0)
    assert rates.find_prefix(b"\x0a\1\2\3", 0.0) is not rates.find_prefix(b"\x0a\1\3\3", 0.0)
    assert make(per_prefix_qps=0).find_prefix(b"\x0a\1\2\3", 0.0) is None
    assert make(per_client_qps=0).is_limited is False
    assert make(per_client_qps=0, per_prefix_qps=5).is_limited


def test_a_prefix_alone_can_be_limited():
    """Without a limit for clients that of their prefix still holds."""
    rates = make(per_client_qps=0, per_prefix_qps=10)
    prefix, client = rates.find_prefix(bytes(4), 0.0), rates.open_client(0.0)
    assert rates.grant(client, prefix, 0.0) == 20
    assert rates.grant(client, prefix, 0.0) == 0
    assert rates.grant(client, prefix, 1.0) == 10


@given(st.integers(1, 5), st.lists(st.integers(0, 30), unique=True))
def test_recent(size, keys):
    """The last entries are kept, so many and no more, in the order in which they came."""
    table = Recent(size)
    for key in keys:
        table.add(bytes([key]), key)
    assert list(table.values()) == keys[-size:]
