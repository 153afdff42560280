"""Server cookies by the examples of RFC 9018 appendix A, and what makes one ours."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.cookie import age_of, is_ours, is_well_formed, make_server_cookie

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
OLD_SECRET = bytes.fromhex("dd3bdf9344b678b185a6f5cb60fca715")
NEW_SECRET = bytes.fromhex("445536bcd2513298075a5d379663c962")
FIRST, SECOND, THIRD = "198.51.100.100", "203.0.113.203", "2001:db8:220:1:59de:d0f4:8769:82b8"
OCTETS = st.binary(min_size=16, max_size=16)
ADDRESSES = st.binary(min_size=4, max_size=4) | OCTETS
TIMES = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("secret", "address", "client", "now", "expected"),
    [
        (SECRET, FIRST, "2464c4abcf10c957", 1559731985, "010000005cf79f111f8130c3eee29480"),  # A.1
        (SECRET, FIRST, "2464c4abcf10c957", 1559734385, "010000005cf7a871d4a564a1442aca77"),  # A.2
        (SECRET, SECOND, "fc93fc62807ddb86", 1559734700, "010000005cf7a9acf73a7810aca2381e"),  # A.3
        (OLD_SECRET, THIRD, "22681ab97d52c298", 1559741817, "010000005cf7c57926556bd0934c72f8"),  # A.4
        (NEW_SECRET, THIRD, "22681ab97d52c298", 1559741961, "010000005cf7c609a6bb79d16625507a"),  # A.4
    ],
)
def test_makes_those_of_the_rfc(secret, address, client, now, expected):
    """What the RFC's server answers is what we make, and know again."""
    packed = ip_address(address).packed
    made = make_server_cookie(secret, bytes.fromhex(client), packed, now)
    assert made.hex() == expected
    assert is_ours(secret, bytes.fromhex(client) + made, packed)
    assert age_of(bytes.fromhex(client) + made, now + 60) == 60


def test_reserved_octets_of_another_server():
    """RFC 9018 appendix A.3: a cookie whose reserved octets are not zero is good, if they were hashed."""
    cookie = bytes.fromhex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5")
    assert is_ours(SECRET, cookie, ip_address(SECOND).packed)
    assert age_of(cookie, 1559728000) == 1559728000 - 1559727985


def test_mapped_addresses():
    """A socket for both families shows IPv4 as mapped; other nodes must agree on the cookie all the same."""
    client, packed = bytes(8), ip_address(FIRST).packed
    assert make_server_cookie(SECRET, client, ip_address(f"::ffff:{FIRST}").packed, 0) == make_server_cookie(
        SECRET, client, packed, 0
    )


@given(OCTETS, st.binary(min_size=8, max_size=8), ADDRESSES, TIMES, st.integers(0, 24 * 8 - 1))
def test_any_changed_bit_makes_it_anothers(secret, client, address, now, bit):
    """A cookie is ours to the bit: client cookie, version, reserved octets, timestamp and hash."""
    cookie = bytearray(client + make_server_cookie(secret, client, address, now))
    assert is_ours(secret, bytes(cookie), address)
    cookie[bit // 8] ^= 1 << bit % 8
    assert not is_ours(secret, bytes(cookie), address)


@given(OCTETS, OCTETS, ADDRESSES, ADDRESSES, TIMES)
def test_neither_another_address_nor_another_secret(secret, other_secret, address, other_address, now):
    """Who has somebody's cookie has no use for it elsewhere."""
    cookie = bytes(8) + make_server_cookie(secret, bytes(8), address, now)
    assert is_ours(other_secret, cookie, address) == (secret == other_secret)
    is_same = address.removeprefix(bytes(10) + b"\xff\xff") == other_address.removeprefix(bytes(10) + b"\xff\xff")
    assert is_ours(secret, cookie, other_address) == is_same


@given(TIMES, st.integers(-(2**31), 2**31 - 1))
def test_age_survives_the_end_of_the_era(made, age):
    """Timestamps are compared in serial number arithmetic (RFC 1982), beyond 2106 too."""
    cookie = bytes(8) + make_server_cookie(SECRET, bytes(8), bytes(4), made)
    assert age_of(cookie, made + age + 2**32) == age


@pytest.mark.parametrize(("length", "expected"), [(length, length == 8 or 16 <= length <= 40) for length in range(50)])
def test_lengths(length, expected):
    """RFC 7873 section 5.2.2: 8 octets, or 16 to 40."""
    assert is_well_formed(bytes(length)) is expected


@given(st.binary(max_size=60), ADDRESSES)
def test_anything_else_is_not_ours(octets, address):
    """Whatever comes in the option is no cookie of ours, and no error."""
    assert not is_ours(SECRET, octets, address)
