"""Recordings as CSV."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.errors import Problem
from dnsfilter.model import Channel
from dnsfilter.recording.lookup import Lookup
from dnsfilter.recording.table import COLUMNS, parse_table

HEADER = "time,client,name,qtype,channel,detail\n"


def parse(*lines: str) -> list[Lookup | Problem]:
    return list(parse_table(HEADER + "\n".join(lines), "log.csv"))


@pytest.mark.parametrize(
    ("line", "lookup"),
    [
        ("1970-01-01T00:00:10Z,192.0.2.1,WWW.TikTok.com.,A,,", Lookup(10, "192.0.2.1", "www.tiktok.com")),
        (
            "1970-01-01T01:00:10.5+01:00,2001:db8::1,a.example,A,dns,x",
            Lookup(10.5, "2001:db8::1", "a.example", Channel.DNS, "x"),
        ),
        (
            '1970-01-01 00:00:10Z,A1,a.example,,SNI,"okhttp, pinned"',
            Lookup(10, "A1", "a.example", Channel.SNI, "okhttp, pinned"),
        ),
        ("1970-01-01T00:00:10Z,a,71.18.0.1,,ip,", Lookup(10, "a", "71.18.0.1", Channel.IP)),
        ("1970-01-01T00:00:10Z,a,[2001:DB8::1],,http,", Lookup(10, "a", "2001:db8::1", Channel.IP)),
        ("1970-01-01T00:00:10Z,a,71.18.0.1,A,dns,", Lookup(10, "a", "71.18.0.1", Channel.DNS)),
        ("1970-01-01T00:00:10Z,a,.,NS,,", Lookup(10, "a", ".")),
        ("1970-01-01T00:00:10Z,a,a.example", Lookup(10, "a", "a.example")),
    ],
)
def test_lines(line: str, lookup: Lookup) -> None:
    """Each notation that a log may have means this lookup."""
    assert parse(line) == [lookup]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("yesterday,a,a.example", "log.csv:2: time: 'yesterday' is not an RFC 3339 time such as 2023-03-15T06:00:00Z"),
        ("2023-03-15T06:00:00,a,a.example", "log.csv:2: time: '2023-03-15T06:00:00' is not an RFC 3339 time"),
        ("0001-01-01T00:00:00Z,a,a.example", "log.csv:2: time: '0001-01-01T00:00:00Z' is not"),
        ("9999-12-31T23:59:59-14:00,a,a.example", "log.csv:2: time: '9999"),
        (",a,a.example", "log.csv:2: time: ''"),
        ("2023-03-15T06:00:00Z,,a.example", "log.csv:2: client: '' does not name a client"),
        ("2023-03-15T06:00:00Z,a\x07b,a.example", r"log.csv:2: client: 'a\x07b' does not name a client"),
        ("2023-03-15T06:00:00Z,a,a..example", "log.csv:2: name: 'a..example' has an empty label"),
        ("2023-03-15T06:00:00Z,a,", "log.csv:2: name: a name has at least one label"),
        ("2023-03-15T06:00:00Z,a", "log.csv:2: name: "),
        (
            "2023-03-15T06:00:00Z,a,a.example,A,smoke",
            "log.csv:2: channel: 'smoke' is not one of dns, sni",
        ),
        ("2023-03-15T06:00:00Z,a,a.example,,ip", "log.csv:2: name: 'a.example' is not an IP address"),
    ],
)
def test_bad_lines(line: str, problem: str) -> None:
    """A line that cannot be read is one problem with its place and value, and the next line is read."""
    found, after = parse(line, "2023-03-15T06:00:00Z,a,a.example")
    assert str(found).startswith(problem)
    assert isinstance(after, Lookup)


@pytest.mark.parametrize("text", ["", "\n", "time,name\n", "nonsense"])
def test_header(text: str) -> None:
    """Without the columns that must be there the file is one problem on its first line."""
    (problem,) = parse_table(text, "log.csv")
    assert str(problem).startswith("log.csv:1: has no column")


def test_order_of_columns() -> None:
    """Columns are found by their names, whatever stands beside them, and blank lines are nothing."""
    text = "\ufeffName, Client ,server,TIME\r\n\r\na.example,c,8.8.8.8,1970-01-01T00:00:01Z\r\n"
    assert list(parse_table(text, "x")) == [Lookup(1, "c", "a.example")]


def test_lines_are_counted_as_in_the_file() -> None:
    """A field that holds a line break moves the lines behind it."""
    found = parse('1970-01-01T00:00:01Z,c,a.example,,,"two\nlines"', "bad,c,a.example")
    assert isinstance(found[1], Problem)
    assert found[1].line == 4


def test_unreadable_csv() -> None:
    """What the CSV reader itself refuses is a problem with its line."""
    (problem,) = parse("1970-01-01T00:00:01Z,c," + "a" * 200_000)
    assert "field larger" in str(problem)
    assert isinstance(problem, Problem)
    assert problem.line == 2


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever the text, what comes are lookups and problems, and nothing is raised."""
    for found in parse_table(text, "x"):
        assert isinstance(found, Lookup | Problem)


@given(st.lists(st.lists(st.text(max_size=20), min_size=6, max_size=6), max_size=5))
def test_any_fields(rows: list[list[str]]) -> None:
    """Every row of a well-formed table that is not blank is one lookup or one problem."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    assert len(list(parse_table(text.getvalue(), "x"))) == sum(any(map(str.strip, row)) for row in rows)
