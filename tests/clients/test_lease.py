"""What all lease formats share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.lease import Lease, Record, lease_address, lease_time, mac_of_duid, parse_octets

MAC = "02:00:5e:00:53:01"


def test_the_last_word_counts() -> None:
    """A later lease of an address replaces an earlier one, a freed address is nobody's."""
    record = Record()
    record.grant("192.0.2.1", MAC, 1.0)
    record.grant("192.0.2.1", "02:00:5e:00:53:02", 2.0)
    record.grant("192.0.2.2", MAC, 1.0)
    record.free("192.0.2.2")
    record.free("192.0.2.3")
    assert record.leases == [Lease("192.0.2.1", "02:00:5e:00:53:02", 2.0)]


@pytest.mark.parametrize(
    ("duid", "mac"),
    [
        (f"00:01:00:01:2b:cd:ef:01:{MAC}", MAC),
        (f"00:03:00:01:{MAC}", MAC),
        (f"00:03:00:01:{MAC}:00", None),
        (f"00:01:00:01:{MAC}", None),
        (f"00:03:00:06:{MAC}", None),
        ("00:04:aa:bb:cc:dd:ee:ff:00:11", None),
        ("", None),
    ],
)
def test_finds_the_mac_in_a_duid(duid: str, mac: str | None) -> None:
    """Only DUIDs made from an Ethernet address, of the length that RFC 8415 gives them, name a MAC."""
    assert mac_of_duid(parse_octets(duid)) == mac


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "٣", "9" * 400, "inf"])
def test_refuses_times(text: str) -> None:
    """What is no plain number of seconds is an error, however long it is."""
    with pytest.raises(ValueError, match="is not a time"):
        lease_time(text)


def test_addresses_have_one_form() -> None:
    """Addresses are canonical, and what is none is named."""
    assert lease_address("2001:DB8:0:0::1") == "2001:db8::1"
    with pytest.raises(ValueError, match=r"'192\.0\.2\.256' is not an address"):
        lease_address("192.0.2.256")


@given(st.binary(max_size=20))
def test_any_duid_is_read(duid: bytes) -> None:
    """No octets make the search for a MAC fail."""
    mac = mac_of_duid(duid)
    assert mac is None or bytes.fromhex(mac.replace(":", "")) == duid[-6:]
