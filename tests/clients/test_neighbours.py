"""The neighbour table as /proc/net/arp and as `ip neigh show` print it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.lease import Lease, LeaseFile, Record
from dnsfilter.clients.neighbours import NEIGHBOUR_SECONDS, parse_arp, parse_ip_neigh

MAC = "02:00:5e:00:53:01"
UNTIL = 1_000.0 + NEIGHBOUR_SECONDS
ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:5e:00:53:01     *        eth0
192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.3        0x1         0x6         02:00:5E:00:53:03     *        eth0
192.0.2.4        0x20        0x2         80:00:02:08           *        ib0
"""
IP_NEIGH = """\
192.0.2.1 dev eth0 lladdr 02:00:5e:00:53:01 REACHABLE
2001:db8::a1b2:c3d4:e5f6:1 dev eth0 lladdr 02:00:5e:00:53:01 STALE
fe80::1 dev eth0 lladdr 02:00:5e:00:53:02 router PERMANENT
2001:db8::2 dev eth0 FAILED
2001:db8::3 dev eth0  INCOMPLETE
2001:db8::4 dev eth0 lladdr 02:00:5e:00:53:04 FAILED
192.0.2.9 dev eth0 proxy
"""


def read_arp(text: str) -> Record:
    record = Record()
    parse_arp(LeaseFile(text, "arp", 1_000.0), record)
    return record


def read_ip_neigh(text: str) -> Record:
    record = Record()
    parse_ip_neigh(LeaseFile(text, "neighbours", 1_000.0), record)
    return record


def test_reads_the_arp_table() -> None:
    """Entries that were answered over Ethernet count, for a while from when they were read."""
    record = read_arp(ARP)
    assert record.leases == [Lease("192.0.2.1", MAC, UNTIL), Lease("192.0.2.3", "02:00:5e:00:53:03", UNTIL)]
    assert record.problems == []


def test_reads_what_ip_neigh_prints() -> None:
    """Entries of both families count unless the neighbour did not answer."""
    record = read_ip_neigh(IP_NEIGH)
    assert record.leases == [
        Lease("192.0.2.1", MAC, UNTIL),
        Lease("2001:db8::a1b2:c3d4:e5f6:1", MAC, UNTIL),
        Lease("fe80::1", "02:00:5e:00:53:02", UNTIL),
    ]
    assert record.problems == []


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "192.0.2.256 0x1 0x2 02:00:5e:00:53:01 * eth0",
        "192.0.2.1 0x1 many 02:00:5e:00:53:01 * eth0",
        "192.0.2.1 0x1 0x2 zz * eth0",
        "192.0.2.1 0x1 0x2 02:00:5e:00:53:01",
    ],
)
def test_problems_of_the_arp_table_name_the_line(line: str) -> None:
    """A line that is no entry is a problem, and the next one is read."""
    record = read_arp(f"{line}\n192.0.2.9 0x1 0x2 {MAC} * eth0\n")
    assert [(problem.file, problem.line) for problem in record.problems] == [("arp", 1)]
    assert [lease.address for lease in record.leases] == ["192.0.2.9"]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "192.0.2.256 dev eth0 lladdr 02:00:5e:00:53:01 STALE",
        "192.0.2.1 dev eth0 lladdr zz STALE",
        "192.0.2.1 dev eth0 lladdr STALE",
    ],
)
def test_problems_of_ip_neigh_name_the_line(line: str) -> None:
    """A line that is no entry is a problem, and the next one is read."""
    record = read_ip_neigh(f"{line}\n192.0.2.9 dev eth0 lladdr {MAC} STALE\n")
    assert [(problem.file, problem.line) for problem in record.problems] == [("neighbours", 1)]
    assert [lease.address for lease in record.leases] == ["192.0.2.9"]


WORDS = st.sampled_from(
    ["192.0.2.1", "2001:db8::1", "dev", "eth0", "lladdr", MAC, "STALE", "FAILED", "0x1", "0x2", "*", "\n"]
) | st.text(max_size=9)


@given(st.lists(WORDS, max_size=30))
def test_any_text_gives_leases_and_problems(words: list[str]) -> None:
    """No text makes the parsers fail, and no line gives more than a lease or a problem."""
    text = " ".join(words)
    for record in (read_arp(text), read_ip_neigh(text)):
        assert len(record.leases) + len(record.problems) <= len(text.splitlines())
