"""Records in presentation form: what becomes of them on the wire, and lines that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.wire.query import Query
from dnsfilter.wire.response import Records, build_response
from dnsfilter.wire.zone import parse_record
from tests.fakes.messages import ask, parse


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("Intranet.corp.example. 300 A 10.1.2.3", "10.1.2.3"),
        ("intranet.corp.example. 300 IN AAAA fd00::1", "fd00::1"),
        ("intranet.corp.example 300 IN CNAME www.corp.example.", "www.corp.example."),
        ("intranet.corp.example. 300 IN MX 10 mx.corp.example.", "10 mx.corp.example."),
        ('intranet.corp.example. 300 IN TXT "two words"', '"two words"'),
        ("intranet.corp.example. 300 IN SRV 1 2 443 a.corp.example.", "1 2 443 a.corp.example."),
        (
            "intranet.corp.example. 300 IN SOA ns.corp.example. host.corp.example. 1 2 3 4 5",
            "ns.corp.example. host.corp.example. 1 2 3 4 5",
        ),
    ],
)
def test_record_comes_back(line, data):
    """The other codec reads from our response what the line says; no name inside is cut off by a pointer."""
    owner, rtype, record = parse_record(line)
    query = Query(ask("intranet.corp.example", rtype))
    (found,) = parse(build_response(query, 0, Records(1, body=record))).rr
    assert (owner, str(found.rname), found.rtype, found.ttl) == (query.name, f"{query.name}.", rtype, 300)
    assert " ".join(str(found.rdata).split()) == data


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not a record",
        "a.example. 300 A 1.2.3",
        "a.example. 300 A",
        "a.example. A 192.0.2.1\nb.example. A 192.0.2.2",
        f"{'a' * 64}.example. 300 A 192.0.2.1",
        "a..example. 300 A 192.0.2.1",
    ],
)
def test_line_that_is_no_record(line):
    """ValueError names the line."""
    with pytest.raises(ValueError, match="record"):
        parse_record(line)


@given(st.text(max_size=60) | st.text('a.\\ 0123()";$IN', max_size=60))
def test_arbitrary_lines(line):
    """Any text is a record or a ValueError."""
    try:
        owner, rtype, record = parse_record(line)
    except ValueError:
        return
    assert owner
    assert rtype >= 0
    assert record
