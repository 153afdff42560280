"""Scalar values of the configuration."""

from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.values import (
    Endpoint,
    format_duration,
    parse_duration,
    parse_endpoint,
    parse_moment,
    parse_server,
)

ADDRESSES = st.ip_addresses().map(lambda address: ip_address(int(address)) if address.version == 4 else address)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("10m", 600), ("6h", 21_600), ("7d", 604_800), ("0s", 0), ("999999d", 86399913600)],
)
def test_duration(text, seconds):
    """A duration is a number and a unit."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "7", 7, "7w", "-1s", "1.5h", "1h30m", " 1h", "1234567s", "٣s", None, True, []])
def test_what_is_no_duration(value):
    """Anything else says what a duration looks like."""
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(value)


@given(st.integers(0, 999_999), st.sampled_from("smhd"))
def test_durations_print_back(number, unit):
    """What is printed is the same duration."""
    duration = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(duration)) == duration == parse_duration(duration)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2023-03-15", datetime(2023, 3, 15)),  # noqa: DTZ001 - no offset was written
        (date(2023, 3, 15), datetime(2023, 3, 15)),  # noqa: DTZ001 - no offset was written
        ("2023-03-15T06:00:00Z", datetime(2023, 3, 15, 6, tzinfo=UTC)),
        ("2023-03-15 06:00:00+00:00", datetime(2023, 3, 15, 6, tzinfo=UTC)),
        (datetime(2023, 3, 15, 6, tzinfo=UTC), datetime(2023, 3, 15, 6, tzinfo=UTC)),
    ],
)
def test_moment(value, moment):
    """A date is its midnight, a time keeps its offset, and what has none stays without."""
    parsed = parse_moment(value)
    assert (parsed, parsed.tzinfo) == (moment, moment.tzinfo)


@pytest.mark.parametrize("value", ["", "2023-02-30", "15.3.2023", "tomorrow", "2023-03-15T25:00", 5, None, []])
def test_what_is_no_moment(value):
    """Anything else says what a date looks like."""
    with pytest.raises(ValueError, match="is not a date"):
        parse_moment(value)


@given(ADDRESSES, st.integers(1, 65535))
def test_endpoints_print_back(address, port):
    """An endpoint of either family prints back the same text."""
    endpoint = Endpoint(str(address), port)
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "value",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:",
        ":53",
        "::1:53",
        "[::1]",
        "[::1]53",
        "localhost:53",
        "127.0.0.1:0",
        "1.2.3.4:65536",
    ],
)
def test_what_is_no_endpoint(value):
    """An endpoint needs an address and a port."""
    with pytest.raises(ValueError, match=r"is not address:port|no valid IP address|port outside"):
        parse_endpoint(value)


@pytest.mark.parametrize(
    ("text", "scheme", "endpoint", "hostname"),
    [
        ("system", "system", None, ""),
        ("192.0.2.53", "udp", ("192.0.2.53", 53), ""),
        ("192.0.2.53:5300", "udp", ("192.0.2.53", 5300), ""),
        ("2001:db8::53", "udp", ("2001:db8::53", 53), ""),
        ("[2001:db8::53]", "udp", ("2001:db8::53", 53), ""),
        ("[2001:db8::53]:5300", "udp", ("2001:db8::53", 5300), ""),
        ("tls://192.0.2.55", "tls", ("192.0.2.55", 853), ""),
        ("tls://192.0.2.55#DNS.Example.", "tls", ("192.0.2.55", 853), "dns.example"),
        ("tls://[2001:db8::53]:8853#dns.example", "tls", ("2001:db8::53", 8853), "dns.example"),
        ("https://dns.example/dns-query", "https", ("dns.example", 443), "dns.example"),
        ("https://Dns.Example:8443/", "https", ("dns.example", 8443), "dns.example"),
        ("https://192.0.2.5/dns-query", "https", ("192.0.2.5", 443), ""),
        ("https://[2001:db8::5]:8443/dns-query", "https", ("2001:db8::5", 8443), ""),
    ],
)
def test_server(text, scheme, endpoint, hostname):
    """An upstream tells how it is asked, where, and whose certificate it has; it prints back as written."""
    server = parse_server(text)
    assert (server.scheme, server.endpoint, server.hostname) == (scheme, endpoint, hostname)
    assert str(server) == text


NO_SERVERS = """
dns.example 192.0.2.300 192.0.2.53:99999 192.0.2.53:0 [::1 1.2.3.4:53:53
tls://dns.example tls://192.0.2.5#a..b https://dns.example https:///x http://dns.example/x quic://192.0.2.1
"""


@pytest.mark.parametrize("text", ["", *NO_SERVERS.split()])
def test_what_is_no_server(text):
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"."):
        parse_server(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(text):
    """Whatever the text, a parser returns or raises ValueError."""
    for parse in (parse_duration, parse_moment, parse_endpoint, parse_server):
        try:
            parse(text)
        except ValueError as error:
            reason = str(error)
        else:
            reason = "none"
        assert reason
