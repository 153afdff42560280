"""Leases as ISC dhcpd writes them."""

from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.isc_dhcpd import parse_isc_dhcpd
from dnsfilter.clients.lease import Lease, LeaseFile, Record

MAC, OTHER = "02:00:5e:00:53:01", "02:00:5e:00:53:02"
NOON = datetime(2023, 3, 15, 12, 0, 0, tzinfo=UTC).timestamp()

DHCPV4 = r"""# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

failover peer "pair" state {
  my state normal at 3 2023/03/15 09:00:00;
}
lease 192.0.2.1 {
  starts 3 2023/03/15 08:00:00;
  ends 3 2023/03/15 10:00:00;
  cltt 3 2023/03/15 08:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 02:00:5e:00:53:01;
  uid "\001\002\000^\000S\001";
  set vendor-class-identifier = "a;{b}";
  client-hostname "phone";
  on expiry {
    if exists agent.circuit-id {
      log (info, "gone");
    } else {
      execute ("/bin/true");
    }
  }
}
lease 192.0.2.2 {
  starts epoch 1678867200; # Wed Mar 15 08:00:00 2023
  ends epoch 1678881600; # Wed Mar 15 12:00:00 2023
  binding state active;
  hardware ethernet 02:00:5e:00:53:02;
}
lease 192.0.2.3 {
  starts 3 2023/03/15 08:00:00;
  ends never;
  binding state active;
  hardware ethernet 02:00:5e:00:53:03;
}
lease 192.0.2.4 {
  ends 3 2023/03/15 12:00:00;
  binding state free;
  hardware ethernet 02:00:5e:00:53:04;
}
lease 192.0.2.5 {
  ends 3 2023/03/15 12:00:00;
  binding state active;
  hardware token-ring 02:00:5e:00:53:05;
}
host printer {
  dynamic;
  hardware ethernet 02:00:5e:00:53:06;
  fixed-address 192.0.2.6;
}
lease 192.0.2.1 {
  starts 3 2023/03/15 09:00:00;
  ends 3 2023/03/15 12:00:00;
  binding state active;
  hardware ethernet 02:00:5e:00:53:01;
}
"""
DHCPV6 = r"""server-duid "\000\001\000\001+\315\357\001\002\000^\000S\011";

ia-na "\001\000\000\000\000\001\000\001+\315\357\001\002\000^\000S\001" {
  cltt 3 2023/03/15 08:00:00;
  iaaddr 2001:db8::5 {
    binding state active;
    preferred-life 3600;
    max-life 7200;
    ends 3 2023/03/15 12:00:00;
  }
  iaaddr 2001:db8::6 {
    binding state expired;
    ends 3 2023/03/15 12:00:00;
  }
}
ia-na 01:00:00:00:00:03:00:01:02:00:5e:00:53:02 {
  iaaddr 2001:db8::7 {
    binding state active;
    ends never;
  }
}
ia-na "\001\000\000\000\000\004\"\\\252" {
  iaaddr 2001:db8::8 {
    binding state active;
    ends never;
  }
}
ia-pd "\001\000\000\000\000\003\000\001\002\000^\000S\001" {
  iaprefix 2001:db8:1::/56 {
    binding state active;
    ends never;
  }
}
"""


def read(text: str) -> Record:
    record = Record()
    parse_isc_dhcpd(LeaseFile(text, "dhcpd.leases", 0.0), record)
    return record


def lease(address: str, *statements: str) -> str:
    return "\n".join([f"lease {address} {{", *(f"  {statement};" for statement in statements), "}", ""])


def test_reads_ipv4_leases() -> None:
    """Active leases of Ethernet clients count, the last block of an address instead of earlier ones; hosts do not."""
    record = read(DHCPV4)
    assert sorted(record.leases) == [
        Lease("192.0.2.1", MAC, NOON),
        Lease("192.0.2.2", OTHER, NOON),
        Lease("192.0.2.3", "02:00:5e:00:53:03", inf),
    ]
    assert record.problems == []


def test_reads_ipv6_leases() -> None:
    """The MAC is found in the DUID behind the IAID, written as a string or in hexadecimal; prefixes do not count."""
    record = read(DHCPV6)
    assert record.leases == [Lease("2001:db8::5", MAC, NOON), Lease("2001:db8::7", OTHER, inf)]
    assert record.problems == []


def test_a_released_lease_ends() -> None:
    """A later block that says free takes the address from the client."""
    active = lease("192.0.2.1", "ends never", "binding state active", f"hardware ethernet {MAC}")
    assert read(active + lease("192.0.2.1", "ends never", "binding state free")).leases == []


GOOD = lease("192.0.2.9", "ends never", "binding state active", f"hardware ethernet {MAC}")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (lease("192.0.2.256", "ends never"), 1, "'192.0.2.256' is not an address"),
        (lease("192.0.2.1", "ends 3 2023/13/15 12:00:00"), 2, "'2023/13/15 12:00:00' is not a time"),
        (lease("192.0.2.1", "ends soon"), 2, "'soon' is not a time"),
        (lease("192.0.2.1", f"ends epoch {'9' * 400}"), 2, "is not a time in seconds"),
        (lease("192.0.2.1", "ends never", "hardware ethernet zz"), 3, "'zz' is not a MAC address"),
        (lease("192.0.2.1", f"hardware ethernet {MAC}"), 1, "this lease has no 'ends'"),
        ("lease 192.0.2.1 {\n  ends never;\n", 1, "this block is never closed"),
        ("}\n", 1, "'}' closes nothing"),
        ('ia-na "\\777" {\n}\n', 1, "is not an IAID with a DUID"),
        ("ia-na 1:zz {\n}\n", 1, "'1:zz' is not an IAID with a DUID"),
    ],
)
def test_problems_name_the_line(text: str, line: int, message: str) -> None:
    """What cannot be understood is one problem and nobody's lease, and the next lease is read."""
    record = read(text + GOOD)
    assert [(problem.file, problem.line) for problem in record.problems] == [("dhcpd.leases", line)]
    assert message in record.problems[0].message
    assert [lease.address for lease in record.leases] == ["192.0.2.9"]


def test_a_file_that_is_being_written() -> None:
    """The block at the end that is not finished yet is a problem, those before it count."""
    record = read(GOOD + "lease 192.0.2.1 {\n  ends ne")
    assert [problem.line for problem in record.problems] == [7, 6]
    assert [lease.address for lease in record.leases] == ["192.0.2.9"]


LINES = st.sampled_from([*DHCPV4.splitlines(), *DHCPV6.splitlines()]) | st.text(max_size=20)


@given(st.lists(LINES, max_size=30))
def test_any_text_gives_leases_and_problems(lines: list[str]) -> None:
    """No text makes the parser fail, and each problem names a line of it."""
    text = "\n".join(lines)
    record = read(text)
    assert all(1 <= problem.line <= len(text.splitlines()) for problem in record.problems)
    assert all(lease.address in text for lease in record.leases)
