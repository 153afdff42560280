"""Leases as dnsmasq writes them."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.dnsmasq import parse_dnsmasq
from dnsfilter.clients.lease import Lease, LeaseFile, Record

MAC = "02:00:5e:00:53:01"


def read(text: str) -> Record:
    record = Record()
    parse_dnsmasq(LeaseFile(text, "leases", 0.0), record)
    return record


@pytest.mark.parametrize(
    ("line", "lease"),
    [
        (f"1700000000 {MAC} 192.0.2.1 phone 01:{MAC}", Lease("192.0.2.1", MAC, 1_700_000_000.0)),
        (f"0 {MAC} 192.0.2.1 * *", Lease("192.0.2.1", MAC, inf)),
        (
            f"1700000000 1234 2001:db8::1 phone 00:01:00:01:2b:cd:ef:01:{MAC}",
            Lease("2001:db8::1", MAC, 1_700_000_000.0),
        ),
        (f"1700000000 1234 2001:db8::1 phone 00:03:00:01:{MAC}", Lease("2001:db8::1", MAC, 1_700_000_000.0)),
        ("1700000000 1234 2001:db8::1 phone 00:04:aa:bb:cc:dd:ee:ff:00:11", None),
        ("1700000000 1234 2001:db8::1 phone *", None),
        (f"duid 00:01:00:01:2b:cd:ef:01:{MAC}", None),
        ("", None),
    ],
)
def test_reads_leases(line: str, lease: Lease | None) -> None:
    """IPv4 leases name a MAC, IPv6 leases only where the DUID was made from one."""
    record = read(line + "\n")
    assert (record.leases, record.problems) == ([lease] if lease else [], [])


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        f"soon {MAC} 192.0.2.1 * *",
        f"{'9' * 400} {MAC} 192.0.2.1 * *",
        "0 zz 192.0.2.1 * *",
        f"0 {MAC} 192.0.2.256 * *",
    ],
)
def test_problems_name_the_line(line: str) -> None:
    """A line that is no lease is a problem, and the next one is read."""
    record = read(f"{line}\n0 {MAC} 192.0.2.2 * *\n")
    assert [(problem.file, problem.line) for problem in record.problems] == [("leases", 1)]
    assert [lease.address for lease in record.leases] == ["192.0.2.2"]


WORDS = st.sampled_from(["0", "9" * 400, MAC, "zz", "192.0.2.1", "2001:db8::1", "*", "duid", "\n"]) | st.text(
    max_size=9
)


@given(st.lists(WORDS, max_size=20))
def test_any_text_gives_leases_and_problems(words: list[str]) -> None:
    """No text makes the parser fail, and no line gives more than a lease or a problem."""
    text = " ".join(words)
    record = read(text)
    assert len(record.leases) + len(record.problems) <= len(text.splitlines())
