"""Lines: what all syntaxes with one entry a line share."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter.blocklist.domains import DOMAINS
from dnsfilter.blocklist.lines import BAD_LINES, MAX_LINE, NAME, NOT_TOO_LONG, parse_lines, read_name
from dnsfilter.blocklist.parsed import Kind
from dnsfilter.errors import InputError
from dnsfilter.names import canonical

NAMES = "\n".join(f"n{number}.example" for number in range(1000))


def test_bad_lines_do_not_stop_the_rest():
    """Every bad line is a problem with file, line and value; every good one counts."""
    parsed = parse_lines("a.example\nb c\nd..example\ne.example", "extra.txt", DOMAINS)
    assert parsed.suffixes == ["a.example", "e.example"]
    assert [str(problem) for problem in parsed.problems] == [
        "extra.txt:2: 'b c' is more than one name; is this a hosts file?",
        "extra.txt:3: 'd..example' has an empty label",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa.example\nb.example\n",
        "a.example\r\nb.example\r\n",
        "A.EXAMPLE\n\n\nB.example.\n",
        "  a.example\t\n# comment\nb.example # comment\n",
    ],
)
def test_writing_does_not_matter(text):
    """Byte order mark, line ends, case, blanks and comments do not change what a list says."""
    parsed = parse_lines(text, "f", DOMAINS)
    assert (parsed.suffixes, parsed.problems) == (["a.example", "b.example"], ())


@pytest.mark.parametrize("text", ["<!DOCTYPE html><p>", "\n <html>", "<?xml version='1.0'?>", "<!-- x -->\na.example"])
def test_markup_is_refused(text):
    """An error page is never taken for a list."""
    with pytest.raises(InputError, match="HTML or XML"):
        parse_lines(text, "f", DOMAINS)


def test_budget_of_bad_lines():
    """Up to 100 bad lines pass with problems, one more of a short text refuses it, and names the first ones."""
    bad = ["not a name"] * BAD_LINES
    assert len(parse_lines("\n".join(["a.example", *bad]), "f", DOMAINS).problems) == BAD_LINES
    with pytest.raises(InputError, match=r"refused: 101 of the first 102 lines are wrong.*\nf:2: ") as refusal:
        parse_lines("\n".join(["a.example", *bad, "x y"]), "f", DOMAINS)
    assert len(refusal.value.problems) == 4


def test_budget_grows_with_the_list():
    """Of 4,000 lines 5 % may be bad."""
    text = "\n".join([NAMES] * 4 + ["not a name"] * 150)
    assert len(parse_lines(text, "f", DOMAINS).problems) == 150


def test_no_usable_line_is_refused():
    """A short text without one good line is not an empty list."""
    with pytest.raises(InputError, match="not one line can be used"):
        parse_lines("service unavailable", "f", DOMAINS)


def test_an_empty_list_is_a_list():
    """Nothing but comments is valid and lists nothing."""
    assert parse_lines("# nothing yet\n", "f", DOMAINS).suffixes == []


@pytest.mark.parametrize("letter", ["a", "ü", "\0", "a."])
def test_a_line_of_five_megabytes(letter):
    """A huge line is one short problem."""
    parsed = parse_lines(f"a.example\n{letter * 5_000_000}\nb.example", "f", DOMAINS)
    assert parsed.suffixes == ["a.example", "b.example"]
    assert str(MAX_LINE) in str(parsed.problems[0])
    assert len(str(parsed.problems[0])) < 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("com", "one label: too broad"),
        (".", "covers every name"),
        ("", "covers every name"),
        ("192.0.2.1", "is an address"),
        ("a..example", "empty label"),
        ("a" * 64 + ".example", "longer than 63"),
        ("a." * 130 + "example", "longer than 253"),
        ("a\0b.example", "a character that a host name cannot have"),
        ("a/b.example", "a character that a host name cannot have"),
        ("xn--ü.example", "internationalised"),
    ],
)
def test_names_that_are_refused(text, reason):
    """A name says what is wrong with it."""
    with pytest.raises(ValueError, match=reason):
        read_name(text)


@given(st.from_regex(re.compile(NOT_TOO_LONG + NAME), fullmatch=True))
def test_plain_names_are_canonical(name):
    """What the fast path lets through is what the careful path would make of it."""
    assert canonical(name) == name == read_name(name)


@given(st.text())
def test_any_text_is_parsed_or_refused(text):
    """Whatever the text, the parser returns canonical names or raises InputError."""
    try:
        parsed = parse_lines(text, "f", DOMAINS)
    except InputError:
        return
    assert all(canonical(name) == name for name in parsed.suffixes)


def test_names_know_their_lines():
    """Each name keeps the number of the line it stands on, whichever way the line was read."""
    parsed = parse_lines("# comment\na.example\n  B.example # why\n\nbad name\nc.example\n", "f", DOMAINS)
    assert parsed.names[Kind.SUFFIX] == ["a.example", "b.example", "c.example"]
    assert list(parsed.lines[Kind.SUFFIX]) == [2, 3, 6]
