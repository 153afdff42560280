"""A sample of names in a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.feeds.samples import parse_names, write_names
from dnsfilter.sample import SampledNames


@pytest.mark.parametrize(
    ("text", "total", "names"),
    [
        ("", 0, {}),
        ("name,count\na.example,3\n", 3, {"a.example": 3}),
        ("Name, Count\r\nA.example.,3\r\n\r\na.EXAMPLE, 4\r\n", 7, {"a.example": 7}),
        ("a.example,3\n,10\n", 10, {"a.example": 3}),
        ("a.example,3\n,2\n", 3, {"a.example": 3}),
        ("bücher.example,1\n", 1, {"xn--bcher-kva.example": 1}),
        (r"a\032b.example,1", 1, {r"a\032b.example": 1}),
    ],
)
def test_reads(text: str, total: int, names: dict[str, int]) -> None:
    """Names are read as they are matched, with or without a heading; a count beside no name is the total."""
    assert parse_names(text, "f") == (SampledNames(total, names), [])


@pytest.mark.parametrize("line", ["a.example", "a.example,b", "a.example,-1", "a.example,1,2", "a b,1", "a,1e9", "a,²"])
def test_a_bad_line(line: str) -> None:
    """A line that cannot be read is told with its place, and the rest goes on."""
    sample, problems = parse_names(f"b.example,1\n{line}\nc.example,2\n", "f.csv")
    assert sample.names == {"b.example": 1, "c.example": 2}
    assert [(problem.file, problem.line) for problem in problems] == [("f.csv", 2)]


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever the text, it is read or told to be wrong; nothing is negative."""
    sample, _ = parse_names(text, "f")
    assert sample.total >= sum(sample.names.values()) >= 0


@given(st.dictionaries(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z]{1,9}){0,3}", fullmatch=True), st.integers(0, 10**9)))
def test_what_is_written_is_read(names: dict[str, int]) -> None:
    """A sample survives being written and read."""
    sample = SampledNames(sum(names.values()) + 5, names)
    assert parse_names("".join(write_names(sample)), "f") == (sample, [])
