"""Leases as Kea's memfile backend writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.clients.kea import parse_kea
from dnsfilter.clients.lease import Lease, LeaseFile, Record

MAC, OTHER = "02:00:5e:00:53:01", "02:00:5e:00:53:02"
HEADER_4 = (
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id"
)
HEADER_6 = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,"
    "hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id"
)
DUID = f"00:01:00:01:2b:cd:ef:01:{MAC}"
GRANTED = f"192.0.2.1,{MAC},01:{MAC},3600,1700003600,1,0,0,phone,0,,0"


def read(*lines: str) -> Record:
    record = Record()
    parse_kea(LeaseFile("".join(f"{line}\n" for line in lines), "leases.csv", 0.0), record)
    return record


@pytest.mark.parametrize(
    ("lines", "leases"),
    [
        ([GRANTED], [Lease("192.0.2.1", MAC, 1_700_003_600.0)]),
        (
            [GRANTED, GRANTED.replace("1700003600", "1700007200")],
            [Lease("192.0.2.1", MAC, 1_700_007_200.0)],
        ),
        ([GRANTED, GRANTED.replace(MAC, OTHER)], [Lease("192.0.2.1", OTHER, 1_700_003_600.0)]),
        ([GRANTED, "192.0.2.1,,,86400,1700090000,1,0,0,,1,,0"], []),
        ([GRANTED, GRANTED.replace("phone,0", "phone,2")], []),
        (
            [f'192.0.2.1,{MAC},,3600,1700003600,1,0,0,a&#x2cb,0,{{ "a": 1&#x2c "b": 2 }},0'],
            [Lease("192.0.2.1", MAC, 1_700_003_600.0)],
        ),
        ([f'192.0.2.1,{MAC},,3600,1700003600,1,0,0,"quoted,0,,0'], [Lease("192.0.2.1", MAC, 1_700_003_600.0)]),
        ([f"192.0.2.1,{MAC},,3600,1700003600"], [Lease("192.0.2.1", MAC, 1_700_003_600.0)]),
        (["", GRANTED, ""], [Lease("192.0.2.1", MAC, 1_700_003_600.0)]),
    ],
    ids=["one", "renewed", "other client", "declined", "reclaimed", "escaped", "quote", "older columns", "empty lines"],
)
def test_reads_ipv4_leases(lines: list[str], leases: list[Lease]) -> None:
    """The last line of an address counts, and only while its state is the one of a lease in use."""
    record = read(HEADER_4, *lines)
    assert (record.leases, record.problems) == (leases, [])


@pytest.mark.parametrize(
    ("line", "macs"),
    [
        (f"2001:db8::5,{DUID},4000,1700004000,1,3000,0,7,128,0,0,phone,,0,,,,0", [MAC]),
        (f"2001:db8::5,{DUID},4000,1700004000,1,3000,0,7,128,0,0,phone,{OTHER},0,,1,2,0", [OTHER]),
        (f"2001:db8:0:0::5,00:03:00:01:{MAC},4000,1700004000,1,3000,1,7,128,0,0,,,0,,,,0", [MAC]),
        ("2001:db8::5,00:04:aa:bb,4000,1700004000,1,3000,0,7,128,0,0,,,0,,,,0", []),
        (f"2001:db8:1::,{DUID},4000,1700004000,1,3000,2,7,56,0,0,,{MAC},0,,,,0", []),
    ],
    ids=["MAC in DUID", "hardware address", "temporary", "no MAC", "delegated prefix"],
)
def test_reads_ipv6_leases(line: str, macs: list[str]) -> None:
    """The link-layer address counts before the DUID's; a prefix is no address of a device."""
    record = read(HEADER_6, line)
    assert [(lease.address, lease.mac) for lease in record.leases] == [("2001:db8::5", mac) for mac in macs]
    assert record.problems == []


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        GRANTED.replace("192.0.2.1", "192.0.2.256"),
        GRANTED.replace("1700003600", "soon"),
        GRANTED.replace(MAC, "zz"),
        "192.0.2.1",
    ],
)
def test_problems_name_the_line(line: str) -> None:
    """A line that is no lease is a problem, and the next one is read."""
    record = read(HEADER_4, line, GRANTED.replace("192.0.2.1", "192.0.2.9"))
    assert [(problem.file, problem.line) for problem in record.problems] == [("leases.csv", 2)]
    assert [lease.address for lease in record.leases] == ["192.0.2.9"]


def test_a_line_that_cannot_be_read_ends_the_lease_before() -> None:
    """What an address became is not known: then it is nobody's."""
    assert read(HEADER_4, GRANTED, GRANTED.replace("1700003600", "soon")).leases == []


def test_refuses_another_table() -> None:
    """A file without the columns of a lease file is one problem, not one for each line."""
    (problem,) = read("name,value", "a,1", "b,2").problems
    assert str(problem) == "leases.csv:1: has no column 'address'; its first line is 'name,value'"


def test_an_empty_file_holds_no_lease() -> None:
    """A file that Kea has not written to yet is no problem."""
    assert (read().leases, read().problems) == ([], [])


FIELDS = st.sampled_from(["192.0.2.1", "2001:db8::1", MAC, DUID, "0", "1", "2", "9" * 400, "\n"]) | st.text(max_size=9)


@given(st.sampled_from([HEADER_4, HEADER_6, "address,expire"]), st.lists(FIELDS, max_size=40))
def test_any_text_gives_leases_and_problems(header: str, fields: list[str]) -> None:
    """No text makes the parser fail, and no line gives more than a lease or a problem."""
    text = ",".join(fields)
    record = read(header, text)
    assert len(record.leases) + len(record.problems) <= len(text.splitlines())


@given(st.text(max_size=60))
def test_any_file_is_read(text: str) -> None:
    """Nor does any header."""
    parse_kea(LeaseFile(text, "leases.csv", 0.0), Record())
