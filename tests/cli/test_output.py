"""What commands print."""

import pytest

from dnsfilter.cli.output import format_time, print_rows, print_table, to_text

ROWS = [{"id": "d-1", "last_seen": 1, "hidden": "x"}, {"id": "d-two", "last_seen": 22, "hidden": "y"}]


def test_time() -> None:
    """Times are RFC 3339 in UTC, whole seconds."""
    assert format_time(1_700_000_000.9) == "2023-11-14T22:13:20Z"


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A table has a heading, aligned columns, and nothing else."""
    print_rows(ROWS, ("id", "last_seen"), as_json=False)
    assert capsys.readouterr().out == "ID     LAST SEEN\nd-1    1\nd-two  22\n"


def test_table_of_awkward_values(capsys: pytest.CaptureFixture[str]) -> None:
    """One value that could control the terminal is escaped, as are the parts of composite ones; the others stay."""
    print_table([("a", {"strong": 1}), ("\x1b[2J", ("x", "y")), ("b", None)], ("id", "what"))
    assert capsys.readouterr().out.splitlines() == [
        "ID       WHAT",
        "a        strong 1",
        r"\x1b[2J  x, y",
        "b        None",
    ]


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to show is no output at all."""
    print_rows([], ("id",), as_json=False)
    print_rows([], ("id",), as_json=True)
    assert capsys.readouterr().out == ""


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON lines hold every field."""
    print_rows(ROWS, ("id",), as_json=True)
    assert capsys.readouterr().out.splitlines()[0] == '{"id": "d-1", "last_seen": 1, "hidden": "x"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"strong": 1, "weak": 2}, "strong 1, weak 2"),
        (("a", "b"), "a, b"),
        (7, "7"),
        ("müller", "müller"),
        ("a\x1b[2Jb\n", r"a\x1b[2Jb\n"),
    ],
)
def test_text(value: object, text: str) -> None:
    """A value stands on one line and cannot control the terminal."""
    assert to_text(value) == text
