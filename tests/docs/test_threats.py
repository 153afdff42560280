"""The page of threats names tests that exist, and every test made for a case stands on it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
CASES = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]


def names_in(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_named_tests_exist(file: str) -> None:
    """A case without its test is a promise that nobody keeps."""
    assert {name for named, name in NAMED if named == file} <= names_in(ROOT / "tests" / file)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "threats").glob("test_*.py")), ids=lambda path: path.name)
def test_made_for_a_case(path: Path) -> None:
    """What is tested for a case alone is on the page, so that the page tells all of it."""
    assert names_in(path) <= {name for named, name in NAMED if named == f"threats/{path.name}"}


def test_every_case_has_a_test() -> None:
    """Cases come once, in order, and each line names a test."""
    assert sorted(set(CASES)) == CASES
    assert [line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line) and "::" not in line] == []
