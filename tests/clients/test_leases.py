"""Leases as dnsmasq writes them."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.leases import Lease, parse_leases

MAC = "02:00:5e:00:53:01"


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
        (f"duid 00:01:00:01:2b:cd:ef:01:{MAC}", None),
        ("", None),
    ],
)
def test_reads_leases(line: str, lease: Lease | None) -> None:
    """IPv4 leases name a MAC, IPv6 leases only where the DUID was made from one."""
    assert parse_leases(line + "\n", "leases") == ([lease] if lease else [], [])


@pytest.mark.parametrize(
    "line", ["nonsense", f"soon {MAC} 192.0.2.1 * *", "0 zz 192.0.2.1 * *", f"0 {MAC} 192.0.2.256 * *"]
)
def test_problems_name_the_line(line: str) -> None:
    """A line that is no lease is a problem, and the next one is read."""
    leases, problems = parse_leases(f"{line}\n0 {MAC} 192.0.2.2 * *\n", "leases")
    assert [(problem.file, problem.line) for problem in problems] == [("leases", 1)]
    assert [lease.address for lease in leases] == ["192.0.2.2"]


@given(st.lists(st.text(max_size=20), max_size=8))
def test_any_text_gives_leases_and_problems(words: list[str]) -> None:
    """No text makes the parser fail."""
    leases, problems = parse_leases(" ".join(words), "leases")
    assert len(leases) + len(problems) <= sum(map(len, words)) + 1
